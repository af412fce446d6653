"""Turns `tidewaiter baseline` into its commands, which learn, show, compare, join and approve baselines."""

import click

from tidewaiter.cli._baseline_approve import approve
from tidewaiter.cli._baseline_diff import diff
from tidewaiter.cli._baseline_learn import learn
from tidewaiter.cli._baseline_merge import merge
from tidewaiter.cli._baseline_prune import prune
from tidewaiter.cli._baseline_show import show


@click.group()
def baseline() -> None:
    """Learn what is normal for each workload, and keep that up to date.

    \b
    Example, the first day and every day after it:
      tidewaiter baseline learn /var/log/telemetry/ --policy policy.yaml -o baseline.jsonl
      tidewaiter baseline show baseline.jsonl
      tidewaiter baseline approve baseline.jsonl shop/Deployment/web
      tidewaiter hunt /var/log/telemetry/ --policy policy.yaml --baseline baseline.jsonl
      tidewaiter baseline learn /var/log/telemetry/ --policy policy.yaml --baseline baseline.jsonl -o baseline.jsonl
    """


for command in (learn, show, diff, merge, prune, approve):
    baseline.add_command(command)
