"""Send to one person or to a room, and remove people who have gone."""

from chalice import WebsocketDisconnectedError
from chalice.app import WebsocketAPI

from chalicelib.people import NOWHERE, People


class Post:
    def __init__(self, api: WebsocketAPI, people: People) -> None:
        self._api = api
        self._people = people

    def to(self, connection_id: str, text: str) -> None:
        try:
            self._api.send(connection_id, text)
        except WebsocketDisconnectedError:
            self._people.remove(connection_id)

    def to_room(self, room: str, text: str) -> None:
        if room != NOWHERE:
            for person in self._people.within(room):
                self.to(person["id"], text)
