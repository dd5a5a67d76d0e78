"""What a person is told when something cannot be done: one sentence and an exit code."""

GENERAL = 1
UNAVAILABLE = 69  # EX_UNAVAILABLE: Kafka cannot be had here, so tests may be skipped


class Failure(Exception):
    def __init__(self, sentence, code=GENERAL):
        super().__init__(sentence)
        self.code = code
