"""A module with the name of one of the gateway's."""

NAME = "the app's tools"
