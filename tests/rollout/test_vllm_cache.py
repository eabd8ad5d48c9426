"""The counters of a vLLM server, as it documents them, from a server on this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from treadle.rollout.vllm_cache import CacheCounts, hit_rate, read_counts

METRICS = """\
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1200.0
vllm:prefix_cache_queries_total{engine="1",model_name="m"} 800.0
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7e+09
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 9e+02
vllm:prefix_cache_hits_total{engine="1",model_name="m"} 100.0
vllm:num_requests_running{engine="0",model_name="m"} 3.0
"""


@pytest.fixture
def server():
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = answers.get(self.path, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", answers
        http.shutdown()


def test_counters_are_summed_over_engines(server):
    url, answers = server
    answers["/metrics"] = 200, METRICS
    assert read_counts(url) == read_counts(url + "/") == CacheCounts(queries=2000.0, hits=1000.0)


@pytest.mark.parametrize("answer", [(404, METRICS), (200, ""), (200, "vllm:prefix_cache_hits_total 3.0\n")])
def test_a_server_that_does_not_tell_is_no_error(server, answer):
    url, answers = server
    answers["/metrics"] = answer
    assert read_counts(url) is None


def test_no_server_is_no_error():
    assert read_counts("http://127.0.0.1:9") is None


def test_the_rate_is_that_of_the_time_between():
    assert hit_rate(CacheCounts(100, 50), CacheCounts(300, 200)) == 0.75
    assert hit_rate(CacheCounts(100, 50), CacheCounts(100, 50)) is None
    assert hit_rate(None, CacheCounts(1, 1)) is None
    assert hit_rate(CacheCounts(1, 1), None) is None
