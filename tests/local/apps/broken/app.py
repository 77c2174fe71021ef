"""An app whose config.json is not valid JSON."""

from chalice import Chalice

app = Chalice(app_name="broken")
