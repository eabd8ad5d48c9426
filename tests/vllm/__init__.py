"""Against a real vLLM server: VLLM_PYTHON, which `make vllm-test` makes and sets, is a Python that has vLLM."""
