"""Compare ways to train one policy: on the same data, for as many steps, judged on the same episodes."""
