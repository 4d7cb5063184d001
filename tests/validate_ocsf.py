"""Reads Detection Findings, one a line, and checks each against OCSF 1.8.0."""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema(
    "detection_finding", ["security_control"]
)
validator = Draft202012Validator(schema)
wrong = 0
for number, line in enumerate(filter(str.strip, sys.stdin), 1):
    for error in validator.iter_errors(json.loads(line)):
        wrong += 1
        place = "/".join(map(str, error.absolute_path))
        print(f"finding {number}: {place}: {error.message[:300]}")
sys.exit(1 if wrong else 0)
