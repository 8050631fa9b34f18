"""Sites are chosen from an item's _files.xml, with its checksums."""

import pytest

from pipeline.errors import SettingError
from pipeline.fetch.listing import Listings
from pipeline.fetch.stackexchange import plan

FILES = {
    "coffee.stackexchange.com.7z": 50,
    "beer.stackexchange.com.7z": 70,
    "stackoverflow.com-Posts.7z": 900,
    "stackoverflow.com-Comments.7z": 800,
    "beer.meta.stackexchange.com.7z": 7,
    "readme.txt": 1,
}


@pytest.fixture
def listed(site, web, patience):
    rows = "".join(
        f'<file name="{name}" source="original"><size>{size}</size><md5>{"b" * 32}</md5><sha1>{"a" * 40}</sha1></file>'
        for name, size in FILES.items()
    )
    site.files["/download/se/se_files.xml"] = f"<files>{rows}</files>".encode()

    def build(*sites, largest=0, base="/download/se/"):
        return plan(Listings(web, patience), site.url + base, sites, largest)

    return build


def test_a_named_site_comes_with_its_checksums(listed, site):
    [wanted] = listed("coffee.stackexchange.com").wanted
    assert (wanted.name, wanted.size) == ("coffee.stackexchange.com.7z", 50)
    assert (wanted.md5, wanted.sha1) == ("b" * 32, "a" * 40)
    assert wanted.urls == (f"{site.url}/download/se/coffee.stackexchange.com.7z",)


def test_of_a_site_in_several_archives_the_posts_are_taken(listed):
    assert [wanted.name for wanted in listed("stackoverflow.com").wanted] == ["stackoverflow.com-Posts.7z"]


def test_the_largest_are_added_once(listed):
    made = listed("beer.stackexchange.com", largest=2)
    assert [wanted.name for wanted in made.wanted] == ["beer.stackexchange.com.7z", "stackoverflow.com-Posts.7z"]


def test_the_largest_are_largest_first(listed):
    assert [wanted.size for wanted in listed(largest=3).wanted] == [900, 70, 50]


def test_a_site_that_is_not_listed_names_its_neighbour(listed):
    with pytest.raises(SettingError, match=r"not listed; did you mean coffee\.stackexchange\.com\?"):
        listed("cofee.stackexchange.com")


def test_an_item_without_a_listing_is_a_wrong_setting(listed):
    with pytest.raises(SettingError, match=r"its listing would be none_files\.xml"):
        listed("coffee.stackexchange.com", base="/download/none")


def test_a_hostile_name_is_left_out_and_said(listed, site):
    site.files["/download/se/se_files.xml"] = b'<files><file name="../../a.7z"><size>5</size></file></files>'
    made = listed(largest=1)
    assert (made.wanted, made.refused) == ([], [("../../a.7z", "the name is no plain path below a folder")])
