from chalice import Blueprint, Rate

admin = Blueprint(__name__)


@admin.schedule(Rate(12, unit=Rate.HOURS))
def report(event):
    return {"report": event.detail_type}


@admin.lambda_function()
def reset(event, context):
    return {"reset": event.get("what"), "left": context.get_remaining_time_in_millis() > 0}


@admin.route("/crash")
def crash():
    raise RuntimeError("crashed")
