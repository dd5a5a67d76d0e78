#!/usr/bin/env python3
"""Read a topic of weir without repeats: read_once.py BOOTSTRAP TOPIC (ends when nothing came for 10 s)"""
import collections
import sys

from confluent_kafka import Consumer

WINDOW = 20000  # a repeat comes at most 10,000 records behind what it repeats
newest = collections.defaultdict(collections.OrderedDict)  # seqs, by topic (a product's), gateway and epoch


def is_repeat(message):
    gateway, epoch, seq = dict(message.headers())["weir"].decode().split("/")
    seqs = newest[message.topic(), gateway, epoch]
    known = seq in seqs
    seqs[seq] = True
    if len(seqs) > WINDOW:
        seqs.popitem(last=False)
    return known


consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "read-once", "auto.offset.reset": "earliest"})
consumer.subscribe([sys.argv[2]])
while (message := consumer.poll(10)) is not None:
    if message.error() is None and not is_repeat(message):
        print(message.value().decode())
