"""Has a config.json that is not JSON."""

from chalice import Chalice

app = Chalice(app_name="broken")
