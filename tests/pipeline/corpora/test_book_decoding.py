"""Books come out of the code page that they are in, with their accents, declared or not."""

import codecs
import time

import pytest

from pipeline.corpora.book_decoding import decode

HEADER = "The Project Gutenberg EBook of Candide\n\nCharacter set encoding: {charset}\n\n"
FRENCH = "Il y avait un garçon à qui la nature avait donné les mœurs les plus douces. « Été » où l’âme\n"
SENTENCES = {
    "French": (FRENCH, "cp1252 iso8859_15 cp850 mac_roman"),
    "a little French": ("le café était fermé", "cp1252 cp437 cp850 mac_roman"),
    "German": ("Als Gregor aus unruhigen Träumen erwachte: Größe, Übermut, süß", "cp1252 cp437 cp850 mac_roman"),
    "Spanish": ("¿qué señor? ¡Ningún año pasó! Había corazón", "cp1252 cp437 cp850 mac_roman"),
    "Portuguese": ("As armas e os barões, não são razão; coração à noite é você", "cp1252 cp850 mac_roman"),
    "Italian": ("perché la diritta via era smarrita; così è più già città", "cp1252 cp437 cp850 mac_roman"),
    "Dutch": ("Eén man, ideeën, geïnd, coördinatie", "cp1252 cp437 mac_roman"),
    "Danish": ("Det var så dejligt ude; havren grøn, høet var rejst, æble", "cp1252 cp850 mac_roman"),
    "Swedish": ("Ödmjukt går Åke på en väg; själv är han från Örebro", "cp1252 cp437 cp850 mac_roman"),
    "Finnish": ("Mieleni minun tekevi, lähteäni laulamahan, säätä öisin hyvää", "cp1252 cp437 mac_roman"),
    "Icelandic": ("Það var einu sinni kóngur í ríki sínu; þau áttu sér ekki börn", "cp1252 cp850"),
    "Czech": ("Když se náhle ozval hlas, všichni běželi ke dveřím; žluťoučký kůň", "cp1250 iso8859_2 cp852"),
    "Polish": ("Ile cię trzeba cenić, ten tylko się dowie. Żółw źle śpi", "cp1250 iso8859_2 cp852"),
    "Hungarian": ("Egy őszi éjszakán a király így szólt: árvíztűrő tükör", "cp1250 iso8859_2 cp852"),
    "Romanian": ("Şi a fost odată o prea frumoasă fată; mândră, împăratul ţinea", "cp1250 iso8859_2 cp852"),
    "Esperanto": ("Ĉiuj homoj estas ĝoje ŝanĝataj; antaŭ la ĵaŭdo eĥo", "iso8859_3"),
    "Russian": (
        "Мой дядя самых честных правил, когда не в шутку занемог",
        "koi8_r cp1251 cp866 iso8859_5 mac_cyrillic",
    ),
    "Ukrainian": ("Реве та стогне Дніпр широкий, сердитий вітер завива; її ґанок є", "koi8_u cp1251"),
    "Bulgarian": ("Имало едно време един цар, който имал три дъщери", "cp1251 koi8_r iso8859_5"),
    "Greek": ("Μούσα, πολύτροπον, ός μάλα πολλά πλάγχθη, επεί Τροίης ιερόν", "iso8859_7 cp1253"),
    "Hebrew": ("בראשית ברא אלהים את השמים ואת הארץ והארץ היתה תהו ובהו", "iso8859_8 cp1255"),
    "Chinese": ("話說天下大勢分久必合合久必分周末七國分爭并入於秦", "big5 gb18030"),
    "Japanese": ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", "shift_jis euc_jp"),
}
CASES = [(text, encoding) for text, encodings in SENTENCES.values() for encoding in encodings.split()]


@pytest.mark.parametrize("text, encoding", CASES, ids=[encoding for _, encoding in CASES])
def test_letters_tell_the_code_page(text, encoding):
    text = "".join(char for char in text if char.encode(encoding, "ignore"))
    assert decode(f"{text}\n".encode(encoding)) == f"{text}\n"


def test_quotes_alone_tell_windows_from_the_macintosh():
    text = "“I can’t,” he said—‘nor will I’…"
    assert decode(text.encode("cp1252")) == text
    assert decode(text.encode("mac_roman")) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["Il était une fois un roi.", "Мой дядя самых честных правил"])
def test_utf_16_is_read_without_a_mark(text, encoding):
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "raw",
    [
        b"\x7fELF\x00\x00",
        b"a\x00b",
        b"ab\x00\x00cd",
        b"abcd" * 30 + b"a\x00",
        bytes(range(256)) * 4,
        b"\x00" * 8,
        b"\x01\x00\x02\x00" * 9,
    ],
)
def test_bytes_with_zeros_that_are_no_text_are_none(raw):
    assert decode(raw) is None


@pytest.mark.parametrize(
    "encoding, declared",
    [
        ("utf-8", "UTF-8"),
        ("utf-8", "ASCII"),
        ("cp1252", "ISO-8859-1"),
        ("cp1252", "ISO Latin-1"),
        ("cp1252", "Windows-1252"),
        ("cp1252", "ASCII"),
        ("cp1252", "nonsense"),
        ("mac_roman", "ISO-8859-1"),
        ("cp850", "ASCII"),
        ("utf-16", "Unicode UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_french_is_read_in_any_encoding(encoding, declared):
    text = HEADER.format(charset=declared) + FRENCH
    text = "".join(char for char in text if char.encode(encoding, "ignore"))
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "declaration",
    [
        "Character set encoding: ISO-8859-5\n",
        '<?xml version="1.0" encoding="iso-8859-5"?>',
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-5">',
        '<meta charset="iso-8859-5">',
    ],
)
def test_a_declaration_is_believed_where_letters_say_little(declaration):
    text = f"{declaration}Щ"
    assert decode(text.encode("iso8859_5")) == text


def test_latin_1_bytes_that_windows_lacks_are_read_as_latin_1():
    text = HEADER.format(charset="ISO-8859-1") + "caf\xe9 \x81"
    assert decode(text.encode("latin-1")) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_byte_order_mark_is_no_part_of_the_text(encoding):
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    assert decode(marks.get(encoding, b"") + "été".encode(encoding)) == "été"


@pytest.mark.parametrize("raw", [b"\xff\xfea\xd8", b"\xff\xfeabc"])
def test_what_its_own_mark_contradicts_is_none(raw):
    assert decode(raw) is None


def test_nothing_is_an_empty_text():
    assert decode(b"") == ""


@pytest.mark.parametrize("piece", [b"\xe9", b"a\xe9", b"\x00\x20", b"\xff\xfe", b"\x80\x81 ", b"a" * 50 + b"\xe9"])
def test_hostile_bytes_take_bounded_time(piece):
    before = time.process_time()
    decode(piece * (4_000_000 // len(piece)))
    assert time.process_time() - before < 5


@pytest.mark.real
def test_encodings_of_real_books_are_right_without_their_declarations(real_data):
    for path in (real_data / "books").rglob("*.txt"):
        raw = path.read_bytes()
        encoding = "utf-8-sig" if "-0" in path.stem else "cp1252"
        assert decode(raw.replace(b"Character set encoding", b"x")) == raw.decode(encoding).replace(
            "Character set encoding", "x"
        )


@pytest.mark.real
@pytest.mark.parametrize("encoding", ["cp1252", "iso8859_15", "cp437", "cp850", "mac_roman", "utf-16-le", "utf-16-be"])
def test_real_books_are_read_in_other_code_pages(real_data, encoding):
    for path in (real_data / "books").rglob("*.txt"):
        text = decode(path.read_bytes())
        text = text.translate({ord(char): None for char in set(text) if not char.encode(encoding, "ignore")})
        few = sum(not char.isascii() for char in text) < 3
        assert few or decode(text.encode(encoding)) == text
