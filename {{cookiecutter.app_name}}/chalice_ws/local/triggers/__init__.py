"""Queues, schedules and commands that invoke the other functions of an app."""
