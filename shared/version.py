"""The version of the code, as it stands in `Opened` and in the API."""

VERSION = "0.1.0"
