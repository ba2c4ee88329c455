"""Cleans captions as diffusers' PixArt pipelines do, and takes the steps that other libraries take by themselves.

In: captions, texts to repair (ftfy), texts that are decoded wrongly first, markup (BeautifulSoup), references
(html.unescape), characters. Out: what becomes of each, null where Python gives up; the entities without capitals; which characters
Python's Unicode knows and which classes of its regular expressions they belong to.
"""

import html
import json
import re
import sys
import unicodedata
import warnings
from html.entities import html5

import ftfy
from bs4 import BeautifulSoup
from bs4.exceptions import ParserRejectedMarkup
from diffusers import PixArtAlphaPipeline
from ftfy.chardata import CHARMAP_ENCODINGS

warnings.filterwarnings("ignore")
question = json.load(sys.stdin)


class Cleaner:
    bad_punct_regex = PixArtAlphaPipeline.bad_punct_regex
    _clean_caption = PixArtAlphaPipeline._clean_caption
    preprocess = PixArtAlphaPipeline._text_preprocessing


cleaner = Cleaner()


def or_none(function):
    def call(text):
        try:
            return function(text)
        except (ParserRejectedMarkup, ValueError):
            return None

    return call


def misread():
    """Texts as UTF-8 that is read as something else, once, twice, and with bytes lost on the way."""
    for text in question["decoded"]:
        for encoding in CHARMAP_ENCODINGS:
            wrong = text.encode().decode(encoding)
            yield wrong
            yield f"plain words and {wrong}, then more"
            yield wrong.replace("\xa0", " ")
            yield re.sub("[\x80-\x9f]", "\ufffd", wrong)
            yield re.sub("[\x80-\x9f]", "?", wrong)
            yield wrong.lower()
            yield wrong.encode().decode(encoding)
    for text in question["decoded"]:  # CESU-8
        units = text.encode("utf-16-be", "surrogatepass")
        halves = "".join(chr(units[at] * 256 + units[at + 1]) for at in range(0, len(units), 2))
        yield halves.encode("utf-8", "surrogatepass").decode("latin-1")
        yield halves.encode("utf-8", "surrogatepass").decode("sloppy-windows-1252")


names = {name for name in html5 if name == name.lower()}
answer = {
    "once": [or_none(cleaner._clean_caption)(caption) for caption in question["captions"]],
    "prepared": [cleaner.preprocess(caption)[0] for caption in question["captions"]],
    "twice": [
        or_none(lambda text: cleaner.preprocess(text, clean_caption=True)[0])(caption)
        for caption in question["captions"]
    ],
    "repaired": [[text, ftfy.fix_text(text)] for text in question["texts"] + list(misread())],
    "html": [or_none(lambda text: BeautifulSoup(text, features="html.parser").text)(text) for text in question["markup"]],
    "unescaped": [html.unescape(text) for text in question["references"]],
    "entities": {name: html5[name] for name in names},
    "known": [unicodedata.category(character) != "Cn" for character in question["characters"]],
    "classes": {
        name: [bool(re.match(name, character)) for character in question["characters"]]
        for name in (r"\w", r"\d", r"\s", r"\W", r"\D", r"\S")
    },
}
print(json.dumps(answer))
