"""What Beam flags say, as they were given after `--`: before Beam, which takes a second to import, reads them."""

from collections.abc import Iterable, Iterator, Sequence


def values_of(flags: Sequence[str], name: str) -> Iterator[str]:
    """All that `--name=value` and `--name value` give, in order; "" for a flag that stands alone."""
    for index, flag in enumerate(flags):
        given, is_assigned, value = flag.partition("=")
        if given == name:
            following = flags[index + 1] if index + 1 < len(flags) else "--"
            yield value if is_assigned else ("" if following.startswith("--") else following)


def value_of(flags: Sequence[str], name: str, default: str = "") -> str:
    """The last value that is given, as Beam's parser takes it; `default` where there is none."""
    return [default, *values_of(flags, name)][-1]


def is_given(flags: Sequence[str], name: str) -> bool:
    """Whether a flag is there at all."""
    return next(values_of(flags, name), None) is not None


def without_given(ours: Iterable[str], flags: Sequence[str]) -> tuple[str, ...]:
    """Our `--name=value` flags, less those that the user gives: one name, one value to look at in a dry run."""
    return tuple(flag for flag in ours if not is_given(flags, flag.partition("=")[0]))
