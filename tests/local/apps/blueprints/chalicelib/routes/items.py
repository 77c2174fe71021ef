from chalice import Blueprint, ChaliceUnhandledError

items = Blueprint(__name__)


class Missing(ChaliceUnhandledError, LookupError):
    pass


@items.route("/", cors=True)
def all_items():
    tags = items.current_request.query_params
    return {"tags": tags.getlist("tag") if tags else []}


@items.route("/{item_id}", methods=["GET", "PUT"], cors=True)
def item(item_id):
    if item_id == "0":
        raise Missing("no item 0")
    return {"item": item_id, "method": items.current_request.method}
