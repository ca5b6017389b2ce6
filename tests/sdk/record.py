"""Writes down what the API answers, for `tests/shapes/answers.py`: the SDK's own HTTP client with a pen."""
import json
import threading

import stripe

LOCK = threading.Lock()


class Record:
    """A file of answers, and the check they belong to."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.check = None

    def write(self, **line):
        with LOCK:
            self.file.write(json.dumps({"check": self.check, **line}) + "\n")
            self.file.flush()


class Client(stripe.RequestsClient):
    """What the SDK uses by itself, and a line per answer."""

    def __init__(self, record):
        super().__init__(timeout=80)
        self.record = record

    def request(self, method, url, headers, post_data=None):
        content, status, told = super().request(method, url, headers, post_data)
        path = "/" + url.split("/", 3)[3]
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        public = " pk_" in headers.get("Authorization", "")
        self.record.write(method=method.upper(), path=path, public=public, status=status, headers=dict(told), body=body)
        return content, status, told
