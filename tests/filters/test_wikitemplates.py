"""Templates that dress words leave the words, all others a hole."""

import pytest

from filters.wikimend import HOLE
from filters.wikitemplates import template_text


@pytest.mark.parametrize(
    "content, text",
    [
        ("lang|fr|mot", "mot"),
        ("Lang|fr|2=mot|italic=no", "mot"),
        ("lang-ru|слово", "слово"),
        ("nowrap|10 km", "10 km"),
        ("nowrap|1=a=b", "a=b"),
        ("transl|ru|ISO|slovo", "slovo"),
        ("convert|5|km", "5 km"),
        ("convert|5|to|10|km|mi", "5 to 10 km"),
        ("cvt|-5|°C", "-5 °C"),
        ("convert|5.5|km", "5.5 km"),
        ("convert|5 1/2|mi|km", "5 1/2 mi"),
        ("frac|1|2", "1/2"),
        ("frac|3|1|2", "3 1/2"),
        ("as of|2012|3", "As of March 2012"),
        ("formatnum:12345", "12345"),
        ("quote|Words|Author", "\n\nWords\n\n"),
        ("quote|text=Words|author=X", "\n\nWords\n\n"),
        ("chem|C|n|H|2n+2", "CnH2n+2"),
        ("IPA|/a/", "/a/"),
        ("IPA-de|[a]", "[a]"),
        ("angbr|a", "⟨a⟩"),
        ("ISBN|978-0-19-519813-3", "ISBN 978-0-19-519813-3"),
        ("ISSN|0028-0836", "ISSN 0028-0836"),
        ("OCLC|12345", "OCLC 12345"),
        ("snd", " – "),
        ("!", "|"),
        ("'", "&#39;"),
        (" nihongo \n|Tokyo|東京", "Tokyo"),
        ("NBSP", " "),
    ],
)
def test_words_are_kept(content, text):
    assert template_text(content, "en") == text


@pytest.mark.parametrize(
    "language, content, text",
    [
        ("fr", "date de naissance|11|novembre|1866", "11 novembre 1866"),
        ("fr", "s-|XIX|e", "XIXe siècle"),
        ("fr", "XXe siècle", "XXe siècle"),
        ("fr", "incise|dit-il", "– dit-il –"),
        ("fr", "1er", "1er"),
        ("ca", "segle|XIII", "segle XIII"),
        ("pt", "séc|XIII", "século XIII"),
        ("it", "M|34|u=m", "34 m"),
        ("ru", "нп5|Страница|слова|en|Page", "слова"),
        ("ru", "нп5|Страница||en|Page", "Страница"),
        ("ru", "iw|Страница", "Страница"),
        ("ru", "НП\n| русское название = Берлин\n| 2-я строка = x", HOLE),
        ("en", "hlist|\x00|a| \x00", "a"),
        ("fr", "3e|éd.", "3e éd."),
        ("fr", "Ier", "Ier"),
        ("fr", "e", "e"),
        ("fr", "e|6", "⁶"),
        ("fr", "lien|fr=Page|texte=mots|lang=en", "mots"),
        ("fr", "lien|Page", "Page"),
        ("sr", "јез-нем|Berlin", "Berlin"),
        ("en", "script/Arabic|ﷲ", "ﷲ"),
        ("en", "lc:Words", "Words"),
        ("en", "uc:Words|x", "Words"),
        ("it", "senza fonte|una lunga frase", "una lunga frase"),
        ("pl", "fakt|to jest zdanie|data=2018-06", "to jest zdanie"),
        ("de", '"|Wort', "„Wort“"),
    ],
)
def test_a_wiki_has_templates_of_its_own(language, content, text):
    assert template_text(content, language) == text


@pytest.mark.parametrize(
    "language, content",
    [
        ("en", "Infobox city|name=X"),
        ("en", "s-|XIX|e"),
        ("en", "lang|fr"),
        ("en", "lang"),
        ("en", "frac"),
        ("en", "as of"),
        ("en", ""),
        (None, "quote|"),
        ("en", "reflist|30em"),
    ],
)
def test_everything_else_is_a_hole(language, content):
    assert template_text(content, language) == HOLE


@pytest.mark.parametrize(
    "names, shown",
    [
        ("nowrap nobr nobreak small smaller big larger abbr math mvar var val code kbd em strong sup sub ill", "a"),
        (
            "nihongo sic keypress key smallcaps sc mono tt num title noitalic nocaps comment nihongo2 nihongo4 midsize",
            "a",
        ),
        (
            "large bigmath nts flag flagcountry vr vanchor visible_anchor railgauge track_gauge subatomicparticle nq",
            "a",
        ),
        ("interlanguage_link_multi citation_needed_span clarify_span", "a"),
        ("ship linktext sortname currency bibel bibleref bible nums", "a b c"),
        ("hlist unbulleted_list ubl", "a, b, c"),
        ("columns-list flatlist plainlist", "\nc\n"),
        ("harvtxt", "a & b (c)"),
        ("sclass sclass2 sclass-", "a-class b"),
        ("sup exp hoch smallsup sub ind tief", "a"),
        ("e esp", "×10a"),
        ("val", "a"),
        ("oldstyledate", "a [O.S. c] b"),
        ("née nee", "née a"),
        ("lit literal_translation", "lit. 'a'"),
        ("gloss", "'a'"),
        ("sqrt radic", "√a"),
        ("tmath", "$a$"),
        ("usd", "US$a"),
        ("gbp £ pound", "£a"),
        ("eur €", "€a"),
        ("inr ₹", "₹a"),
        ("jpy ¥", "¥a"),
        ("aud a$", "A$a"),
        ("hms", "HMS a"),
        ("uss", "USS a"),
        ("floruit fl.", "fl. a"),
        ("reign", "r. a"),
        ("us_patent", "U.S. Patent a"),
        ("eqm", "⇌"),
        ("'s", "&#39;s"),
        ("ipa api afi ipalink underline strikethrough lang-fr ipa-fr interlanguage_link link-interwiki", "a"),
        ("not_a_typo proper_name ipa_link", "a"),
        ("lang langx langr rtl-lang язык мова lang2 wikt-lang", "b"),
        ("transl transliteration translit", "c"),
        ("quote blockquote cquote quotation citat zitat cita citace cytat citaat citazione citação citát", "\n\na\n\n"),
        ("цитата idézet poem_quote verse_translation цитат navedek cytatd poemquote citation_bloc", "\n\na\n\n"),
        ("convert cvt", "a"),
        ("unité unite unit unidad unidade unitats nb nombre", "a b"),
        ("frac fraction sfrac bruch", "a b/c"),
        ("as_of", "As of c b a"),
        ("chem chem2 ce", "abc"),
        ("angbr angle_bracket grapheme", "⟨a⟩"),
        ("ipaslink ipa_slink", "/a/"),
        ("ipablink ipa_blink мфа мфа-всі", "[a]"),
        ("us$", "US$a"),
        ("isbn", "ISBN a"),
        ("issn", "ISSN a"),
        ("oclc", "OCLC a"),
        ("ndash en_dash endash nsndns", "–"),
        ("mdash em_dash emdash mdashb", "—"),
        ("spaced_ndash snd spnd dash", " – "),
        ("spaced_mdash — тире", " — "),
        ("! pipe", "|"),
        ("=", "="),
        ("'", "&#39;"),
        ("· dot middot • bull", " · "),
        ("pi", "π"),
        ("spaces nbsp space pad int:nbsp thinsp thin_space hair_space nnbsp", " "),
        ("circa c.", "c. a – c. b"),
    ],
)
def test_every_template_that_dresses_words_is_known_in_every_wiki(names, shown):
    for name in names.split():
        assert template_text(f"{name}|a|b|c", "en") == shown, name
        assert template_text(f" {name.upper()}\n|a|b|c", None) == shown, name


@pytest.mark.parametrize(
    "language, names, shown",
    [
        ("ca", "unitat romanes", "a"),
        ("ca", "segle", "segle a"),
        ("cs", "cizojazyčně vjazyce2", "b"),
        ("cs", "malé", "a"),
        ("cs", "km2", "km²"),
        ("cs", "m2", "m²"),
        ("de", '"', "„a“"),
        ("de", "höhe", "a m"),
        ("de", "§", "§ a"),
        ("de", "formnum polytonisch hebr ens frs las els rus its ess pls css tus ars zhs nls pts hus svs das", "a"),
        ("es", "esd versalita abreviatura ecuación", "a"),
        ("es", "siglo", "siglo a"),
        ("fr", "s s- siècle sap", "ab siècle"),
        ("fr", "date date- date_de_naissance date_de_décès date_de_naissance- date_de_décès- tmp surface", "a b"),
        ("fr", "citation lien latin japonais abréviation abr petit formule terme_défini souligner grec_ancien", "a"),
        ("fr", "souverain souverain- souverain2 souverain3", "a"),
        ("fr", "langue langue2 en_langue citation_étrangère", "b"),
        ("fr", "heure h", "a h b"),
        ("fr", "euro", "a €"),
        ("fr", "guil", "« a »"),
        ("fr", "incise", "– a –"),
        ("fr", "1er", "1er a b"),
        ("fr", "n° numéro no", "n° "),
        ("fr", "etc.", "etc."),
        ("fr", "er", "er"),
        ("fr", "re", "re"),
        ("fr", "e", "a"),
        ("fr", "mme", "Mme"),
        ("hr", "jez", "b"),
        ("hu", "szám", "a"),
        ("it", "ta tutto_attaccato maiuscoletto chiarire sp", "a"),
        ("it", "m", "a"),
        ("nl", "aut afkorting", "a"),
        ("pl", "małe k", "a"),
        ("pt", "fmtn ilc versalete", "a"),
        ("pt", "séc", "século a"),
        ("pt", "converter", "a"),
        ("pt", "r$", "R$ a"),
        ("ro", "conversie", "a"),
        ("ru", "нп1 нп2 нп3 нп4 нп5 не_переведено не_переведено_2 не_переведено_3 не_переведено_5 iw", "b"),
        ("ru", "s число год", "a"),
        ("ru", "подударение ударение", "a\u0301"),
        ("sr", "скр", "a"),
        ("sv", "illm runor", "a"),
        ("sv", "språk", "b"),
        ("uk", "нп нп1 нп2 нп3 нп4 нп5 не_перекладено", "b"),
        ("uk", "s число", "a"),
        ("uk", "наголос", "a\u0301"),
    ],
)
def test_a_wikis_own_templates_are_known_there_alone(language, names, shown):
    for name in names.split():
        assert template_text(f"{name}|a|b", language) == shown, name
        assert template_text(f"{name}|a|b", None) != shown, name


@pytest.mark.parametrize(
    "language, names",
    [
        ("ca", "cn citació_necessària"),
        ("da", "kilde_mangler"),
        ("es", "cita_requerida cr"),
        ("fr", "référence_nécessaire refnec citation_nécessaire référence_souhaitée refsou passage_évasif"),
        ("it", "senza_fonte citazione_necessaria cn"),
        ("nl", "bron? bron_gevraagd"),
        ("pl", "fakt"),
        ("ru", "нет_аи_2"),
        ("sv", "källa_behövs"),
        ("uk", "нема_аи"),
    ],
)
def test_a_claim_that_wants_a_source_stays(language, names):
    for name in names.split():
        assert template_text(f"{name}|two words|date=2018", language) == "two words", name
        assert template_text(f"{name}|2018", language) == HOLE, name


@pytest.mark.parametrize("name", ["text", "quote", "texte", "zitat", "1", "2", "3", "u", "ul"])
def test_an_argument_named_for_its_words_counts_as_one(name):
    assert template_text(f"quote| {name.upper()} = a ", "en") == "\n\na\n\n"


@pytest.mark.parametrize("name", ["author", "source", "lang-code", "4", "_x"])
def test_any_other_named_argument_shows_nothing(name):
    assert template_text(f"nowrap|{name}=a|b", "en") == "b"


@pytest.mark.parametrize("argument", ["a.b=c", "http://a.example/?b=c", "=c", "2 + 2=4"])
def test_an_equals_sign_behind_no_name_is_part_of_the_words(argument):
    assert template_text(f"nowrap|{argument}", "en") == argument


@pytest.mark.parametrize(
    "name, shown",
    [("XXe siècle", True), ("ier siècle", True), ("XVIIIes siècle", True), ("20e siècle", False), ("un siècle", False)],
)
def test_only_a_roman_century_names_itself(name, shown):
    assert template_text(name, "fr") == (name if shown else HOLE)
