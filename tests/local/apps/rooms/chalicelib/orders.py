"""The commands of the chat."""

from chalicelib.people import NOWHERE, People
from chalicelib.post import Post


class Orders:
    def __init__(self, people: People, post: Post) -> None:
        self._people = people
        self._post = post

    def obey(self, connection_id: str, text: str) -> None:
        me = self._people.get(connection_id)
        order, _, rest = text.partition(" ")
        if order == "/name":
            self._people.change(connection_id, "name", rest)
            self._post.to(connection_id, f"you are {rest}")
        elif order == "/enter":
            self._people.change(connection_id, "room", rest)
            self._post.to_room(rest, f"{me['name']} enters")
        elif order == "/who":
            names = [person["name"] for person in self._people.within(me["room"])]
            self._post.to(connection_id, ", ".join(names))
        elif me["room"] == NOWHERE:
            self._post.to(connection_id, "enter a room first")
        else:
            self._post.to_room(me["room"], f"{me['name']}: {text}")

    def leave(self, connection_id: str) -> None:
        me = self._people.remove(connection_id)
        if me:
            self._post.to_room(me["room"], f"{me['name']} leaves")
