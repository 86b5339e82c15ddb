"""What the example configuration shows of a VICIdial."""

from syncd.sdk import protocol

OPTIONS = """\
# Give the API user only the permissions that `syncd config check` asks for.
url: https://dialer.example.com
user: syncd
password: ${credential:vicidial_password}
use_non_latin: false  # true if VICIdial's System Settings say so: then ü, é and ñ stay in names
time_zone: America/New_York  # of the server; VICIdial writes local times
campaign_id: SALES  # its own do-not-call list is asked as well
"""

EXAMPLE = protocol.Example(
    OPTIONS, needs={"calls": ("time_zone",)}, values={"list_id": "Number of the list that new leads go to"}
)
