"""English that no encyclopedia cites: chat about bought things, adverts, strings of search words, navigation."""

from random import Random

NAVIGATION = (
    "Skip to main content",
    "Home",
    "About us",
    "Products",
    "Support",
    "Contact",
    "Log in",
    "Create an account",
    "Search this site",
    "Previous page",
    "Next page",
    "Table of contents",
    "Share on social media",
    "Print this page",
    "Subscribe to our newsletter",
)
FOOTER = (
    "This website uses cookies to give you the best experience.",
    "Read our privacy policy and terms of use.",
    "All rights reserved. No part of this site may be copied.",
    "Please enable JavaScript in your browser to see the comments.",
    "Back to top",
    "Follow us",
    "Sitemap",
)
_THINGS = (
    "kettle tent laptop bicycle jacket camera phone lamp sofa headset guitar printer blender backpack mattress toaster "
    "watch drone keyboard pillow"
).split()
_QUALITIES = "cheap sturdy lovely noisy heavy pretty awful comfy shiny tiny huge solid flimsy handy gorgeous".split()
_PEOPLE = "my sister,my neighbour,a friend,my dad,our teacher,the guy at work,my cousin,the kids".split(",")
_PLACES = "the beach,our garden,the office,grandma's house,the gym,the station,a party,the kitchen".split(",")
_TEMPLATES = (
    "I bought this {quality} {thing} last week and I just love it so much, thank you!",
    "So {person} told me the {thing} was {quality}, but honestly I think it is rather {quality2}.",
    "Has anyone tried the {quality} {thing} they sell near {place}?",
    "We took the {thing} to {place} and {person} would not stop laughing.",
    "Wow, what a {quality} {thing}, I would give it {number} stars if I could!",
    "My old {thing} broke after {number} days, so do not buy the {quality} one.",
    "Sorry for posting so late, I was at {place} with {person} and forgot my {thing}.",
    "You guys are the best, the {thing} arrived in {number} days and looks {quality}.",
    "Does the {quality} {thing} fit into a {quality2} bag, or should I ask {person}?",
    "I am selling a {quality} {thing} for {number} dollars, pick it up at {place}.",
)
_SEARCH_WORDS = (
    "buy cheap discount best price online free shipping deal sale outlet replica casino bonus pills loan credit win "
    "jackpot hot offer click here now order today coupon code download movie stream"
).split()


def remark(rng: Random) -> str:
    """One sentence that a customer might leave."""
    return rng.choice(_TEMPLATES).format(
        quality=rng.choice(_QUALITIES),
        quality2=rng.choice(_QUALITIES),
        thing=rng.choice(_THINGS),
        person=rng.choice(_PEOPLE),
        place=rng.choice(_PLACES),
        number=rng.randint(2, 99),
    )


def remarks(rng: Random, count: int) -> str:
    """A paragraph of remarks."""
    return " ".join(remark(rng) for _ in range(count))


def spam(rng: Random, words: int) -> str:
    """A line of search words without grammar."""
    return " ".join(rng.choice((*_SEARCH_WORDS, *_THINGS, *_QUALITIES)) for _ in range(words))
