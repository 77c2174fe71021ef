"""The context of a command: the stage, its settings, its AWS account and its stack."""

import argparse
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from chalice.config import Config

from chalice_ws.deploy.stack import Stack
from chalice_ws.project.config import read_config


class Context:
    """The stage that a command works on.

    Args:
        options: the parsed command line.

    Raises:
        AppError: the app or the stage does not exist.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.build_folder = Path("build") / options.stage
        self.config: Config = read_config(Path.cwd(), options.stage)

    @cached_property
    def session(self) -> Any:
        """The boto3 session."""
        return boto3.session.Session()

    @cached_property
    def account_id(self) -> str:
        """The id of the account that the credentials belong to."""
        return str(self.session.client("sts").get_caller_identity()["Account"])

    @cached_property
    def stack(self) -> Stack:
        """The stack of the stage."""
        return Stack(self.session, self.config.app_name, self.options.stage)
