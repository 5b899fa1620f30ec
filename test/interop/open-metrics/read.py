"""Reads OpenMetrics from standard input with the strict parser of Prometheus' Python client.

Prints what it found as JSON. A text that breaks the format ends the program with the parser's error.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
exemplars = [
    {
        "name": sample.name,
        "labels": sample.labels,
        "trace": sample.exemplar.labels["trace_id"],
        "value": sample.exemplar.value,
        "at": float(sample.exemplar.timestamp),
    }
    for family in families
    for sample in family.samples
    if sample.exemplar is not None
]
names = {family.name: family.type for family in families}
print(json.dumps({"names": names, "exemplars": exemplars}))
