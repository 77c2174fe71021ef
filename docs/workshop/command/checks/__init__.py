"""The checks of each lesson. The first line of a check's docstring is what it prints."""

from collections.abc import Callable, Sequence

from ..running import App
from . import channels, elsewhere, fanout, first, permissions, resuming, signing_in

Check = Callable[[App], None]

CHANNELS: Sequence[Check] = (
    channels.reach_members,
    channels.leave,
    channels.forget_members,
    channels.refuse_bad_channel,
)

CHECKS: dict[int, Sequence[Check]] = {
    1: [first.echo_text],
    2: [first.handle_three_events, first.echo_data, first.answer_bad_frames],
    3: [first.echo_data, first.count_people, first.keep_people_in_table],
    4: [first.count_people, fanout.broadcast, fanout.go_on_after_gone],
    5: [
        first.count_people,
        fanout.broadcast,
        fanout.go_on_after_gone,
        fanout.delete_gone,
        fanout.expire_rows,
        fanout.query_only,
    ],
    6: [first.count_people, fanout.broadcast, *CHANNELS, fanout.query_only],
    7: [
        channels.reach_members,
        channels.forget_members,
        elsewhere.send_by_route,
        elsewhere.have_function_and_schedule,
    ],
    8: [
        channels.reach_members,
        permissions.have_policies,
        permissions.send_where_needed,
        permissions.allow_no_pattern,
    ],
    9: [
        channels.reach_members,
        resuming.number_messages,
        resuming.resume,
        resuming.refuse_bad_place,
    ],
    10: [
        signing_in.refuse_strangers,
        signing_in.name_users,
        signing_in.keep_channels_private,
    ],
    11: [channels.reach_members, resuming.resume, fanout.reach_thirty, fanout.count_untried],
    12: [
        channels.reach_members,
        resuming.resume,
        permissions.send_where_needed,
        permissions.leave_out_boto3,
    ],
}
