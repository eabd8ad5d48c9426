"""SRL and RLVR on verl 0.9. `treadle export verl` writes rows, settings and launch.

`reward_manager` and `replay_buffer` are imported by verl itself, in an environment without TRL.
"""
