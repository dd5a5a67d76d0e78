"""Writes planted records to Kafka by librdkafka itself (ctypes): kcat cannot give each record a
header of its own, nor abort a transaction."""

import ctypes

PRODUCER = 0
END, TOPIC, PARTITION, VALUE, KEY, TIMESTAMP, HEADER, MSGFLAGS = 0, 1, 3, 4, 5, 8, 9, 7
COPY = 2

_library = ctypes.CDLL("librdkafka.so.1")
_library.rd_kafka_conf_new.restype = ctypes.c_void_p
_library.rd_kafka_conf_set.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
_library.rd_kafka_new.restype = ctypes.c_void_p
_library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
_library.rd_kafka_flush.argtypes = [ctypes.c_void_p, ctypes.c_int]
_library.rd_kafka_poll.argtypes = [ctypes.c_void_p, ctypes.c_int]
_library.rd_kafka_destroy.argtypes = [ctypes.c_void_p]
_library.rd_kafka_outq_len.argtypes = [ctypes.c_void_p]
for _name in ("init", "abort", "commit"):
    _call = getattr(_library, f"rd_kafka_{_name}_transactions" if _name == "init"
                    else f"rd_kafka_{_name}_transaction")
    _call.restype = ctypes.c_void_p
    _call.argtypes = [ctypes.c_void_p, ctypes.c_int]
_library.rd_kafka_begin_transaction.restype = ctypes.c_void_p
_library.rd_kafka_begin_transaction.argtypes = [ctypes.c_void_p]


class Producer:
    def __init__(self, address, **settings):
        conf = _library.rd_kafka_conf_new()
        why = ctypes.create_string_buffer(512)
        settings = {"bootstrap.servers": address, "linger.ms": "5", "log_level": "0", **settings}
        for key, value in settings.items():
            if _library.rd_kafka_conf_set(conf, key.encode(), value.encode(), why, 512) != 0:
                raise ValueError(why.value.decode())
        self.handle = _library.rd_kafka_new(PRODUCER, conf, why, 512)
        if not self.handle:
            raise ValueError(why.value.decode())

    def put(self, topic, key, value, header=None, partition=0, time_ms=0, name="weir"):
        """One record; `header` is the value of the header `name`."""
        words = [
            ctypes.c_void_p(self.handle),
            ctypes.c_int(TOPIC), ctypes.c_char_p(topic.encode()),
            ctypes.c_int(PARTITION), ctypes.c_int32(partition),
            ctypes.c_int(MSGFLAGS), ctypes.c_int(COPY),
            ctypes.c_int(KEY), ctypes.c_char_p(key.encode()), ctypes.c_size_t(len(key.encode())),
            ctypes.c_int(VALUE), ctypes.c_char_p(value.encode()),
            ctypes.c_size_t(len(value.encode())),
            ctypes.c_int(TIMESTAMP), ctypes.c_int64(time_ms),
        ]
        if header is not None:
            words += [ctypes.c_int(HEADER), ctypes.c_char_p(name.encode()),
                      ctypes.c_char_p(header.encode()), ctypes.c_ssize_t(len(header.encode()))]
        err = _library.rd_kafka_producev(*words, ctypes.c_int(END))
        if err != 0:
            raise RuntimeError(f"rd_kafka_producev: {err}")
        _library.rd_kafka_poll(self.handle, 0)

    def flush(self):
        _library.rd_kafka_flush(self.handle, 30000)
        if _library.rd_kafka_outq_len(self.handle) != 0:
            raise RuntimeError("not all records were delivered")

    def transaction(self, what):
        call = getattr(_library, "rd_kafka_" + what)
        error = call(self.handle) if what == "begin_transaction" else call(self.handle, 30000)
        if error:
            raise RuntimeError(what)

    def close(self):
        self.flush()
        _library.rd_kafka_destroy(self.handle)
