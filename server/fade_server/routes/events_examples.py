"""What streams of events look like."""

RUN_EVENTS = """\
event: status
data: {"status": "running"}

event: step
data: {"last_step": 41, "step_count": 42, "revision": 45}
id: 45.0.1

: ping

"""

LIST_EVENTS = """\
event: alert
data: {"run": "countdown-7b-3", "alert_version": 3, "open_alerts": {"critical": 1, "warning": 0}, \
"health": "critical", "headline": "entropy collapses"}
id: 1763700061.0

"""
