"""Models are read once a process."""

import threading

from filters.load_once import load_once


def test_eight_threads_load_a_model_once():
    calls = []

    def load(path):
        calls.append(path)
        return object()

    found = []
    threads = [threading.Thread(target=lambda: found.append(load_once(load, "a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert calls == ["a"]


def test_a_model_may_be_made_of_another():
    assert load_once(lambda name: load_once(str.upper, name) + "!", "made of") == "MADE OF!"


def test_each_path_and_each_loader_has_its_own_model():
    assert load_once(str, "a") == "a"
    assert load_once(str, "b") == "b"
    assert load_once(len, "abc") == 3
