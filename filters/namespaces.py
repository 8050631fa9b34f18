"""The words that wikitext treats as syntax, by language: file, category and redirect names, interwiki prefixes.

Source: MediaWiki's language files (`languages/messages/Messages*.php`, namespace names, aliases and `redirect`).
A table is needed because a dump's own header may be another wiki's.
"""

from functools import lru_cache

FILE_NAMES: dict[str, str] = {
    "bg": "Файл Картинка Медия",
    "ca": "Fitxer Imatge Multimèdia",
    "cs": "Soubor Obrázek Média",
    "da": "Fil Billede",
    "de": "Datei Bild Medium",
    "en": "File Image Media",
    "es": "Archivo Imagen Medio",
    "fr": "Fichier Média",
    "hr": "Datoteka Slika Mediji F DT",
    "hu": "Fájl Kép Média",
    "it": "Immagine",
    "nl": "Bestand Afbeelding",
    "pl": "Plik Grafika",
    "pt": "Ficheiro Arquivo Imagem Multimédia Multimídia",
    "ro": "Fișier Fişier Imagine",
    "ru": "Файл Изображение Медиа",
    "sl": "Slika Datoteka",
    "sr": "Датотека Слика Медиј Медија Datoteka Slika Medij Medija",
    "sv": "Fil Bild",
    "uk": "Файл Зображення Медіа Изображение Медиа",
}
"""Names of the namespaces File and Media, English ones aside: those work in every wiki."""

CATEGORY_NAMES: dict[str, str] = {
    "bg": "Категория",
    "ca": "Categoria",
    "cs": "Kategorie",
    "da": "Kategori",
    "de": "Kategorie",
    "en": "Category",
    "es": "Categoría Categoria CAT",
    "fr": "Catégorie",
    "hr": "Kategorija CT KT",
    "hu": "Kategória",
    "it": "Categoria CAT",
    "nl": "Categorie",
    "pl": "Kategoria",
    "pt": "Categoria",
    "ro": "Categorie",
    "ru": "Категория К",
    "sl": "Kategorija",
    "sr": "Категорија Kategorija",
    "sv": "Kategori",
    "uk": "Категорія Категория",
}
"""Names of the namespace Category, the English one aside."""

REDIRECT_WORDS: dict[str, str] = {
    "bg": "пренасочване виж",
    "ca": "redirecció",
    "cs": "přesměruj",
    "da": "omdirigering",
    "de": "weiterleitung",
    "en": "redirect",
    "es": "redirección redireccion",
    "fr": "redirection",
    "hr": "preusmjeri",
    "hu": "átirányítás",
    "it": "rinvia rinvio",
    "nl": "doorverwijzing",
    "pl": "patrz przekieruj tam",
    "pt": "redirecionamento redirecionar",
    "ro": "redirecteaza",
    "ru": "перенаправление перенапр",
    "sl": "preusmeritev",
    "sr": "преусмери преусмјери preusmeri",
    "sv": "omdirigering",
    "uk": "перенаправлення перенапр перенаправление",
}
"""What follows `#` at the start of a redirect, the English word aside."""

WIKI_LANGUAGES = frozenset(
    "aa ab ace ady af ak als alt am ami an ang anp ar arc ary arz as ast atj av avk awa ay az azb ba ban bar "
    "bat-smg bbc bcl be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs bug bxr ca cbk-zam cdo ce ceb "
    "ch cho chr chy ckb co cr crh cs csb cu cv cy da dag de dga din diq dsb dtp dty dv dz ee el eml en eo es et "
    "eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gu guc "
    "gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia id ie ig igl ii ik ilo inh io is it iu ja jam "
    "jbo jv ka kaa kab kbd kbp kcg kg ki kj kk kl km kn ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez "
    "lfn lg li lij lld lmo ln lo lrc lt ltg lv mad mai map-bms mdf mg mh mhr mi min mk ml mn mni mnw mo mr mrj ms "
    "mt mus mwl my myv mzn na nah nap nds nds-nl ne new ng nia nl nn no nov nqo nrm nso nv ny oc olo om or os pa "
    "pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara ru rue rw sa "
    "sah sat sc scn sco sd se sg sh shi shn si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw szl szy "
    "ta tay tcy te tet tg th ti tk tl tly tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls "
    "vo wa war wo wuu xal xh xmf yi yo za zea zgh zh zh-classical zh-min-nan zh-yue zu".split()
)
"""Codes of Wikipedia's languages: the first part of a host, of a dump's name and of an interlanguage link."""

SISTER_PREFIXES = frozenset(
    "b c commons d foundation incubator m mediawikiwiki mw n phab q s species v voy w wikipedia wikibooks "
    "wikidata wikinews wikiquote wikisource wikispecies wikiversity wikivoyage wikt wiktionary".split()
)
"""Prefixes of links to sister projects, which are no part of what a reader is to see."""


@lru_cache(maxsize=64)
def dropped_prefixes(language: str | None) -> frozenset[str]:
    """Lower-case link prefixes that show no text in a wiki of this language: files, categories, other languages."""
    own = " ".join(names.get(language or "", "") for names in (FILE_NAMES, CATEGORY_NAMES))
    english = f"{FILE_NAMES['en']} {CATEGORY_NAMES['en']}"
    return WIKI_LANGUAGES | frozenset(f"{own} {english}".lower().split())


@lru_cache(maxsize=64)
def redirect_words(language: str | None) -> tuple[str, ...]:
    """Lower-case starts of a redirect page in a wiki of this language, `#` included."""
    words = f"{REDIRECT_WORDS['en']} {REDIRECT_WORDS.get(language or '', '')}"
    return tuple(f"#{word}" for word in dict.fromkeys(words.split()))
