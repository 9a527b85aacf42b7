#!/usr/bin/env python3
"""Keeps resources/i18n/*.ts in step with the sources.

  translations.py update [--lupdate PATH]   rewrites the .ts files from the sources
  translations.py check  [--lupdate PATH]   fails on a missing, unfinished or misfiled text

`ninja update_translations` and the ctest `translations` run it. After an update, fill in what is
marked unfinished. zh_CN holds every text; en holds only texts with a number, for their plurals.
Without lupdate, `check` reads the .ts files alone and says so.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCALES = {"zh_CN": [], "en": ["-pluralonly"]}
# Sentences of status_codes.inc and phrases in their arguments are read through the aliases. Without -I lupdate does not find the class declarations
# and drops their namespaces, so the texts would never be found at run time.
OPTIONS = ["-silent", "-locations", "none", "-no-obsolete", "-extensions", "h,cpp,inc", "-I", str(ROOT),
           "-tr-function-alias", "QT_TRANSLATE_NOOP+=SENTENCE,QT_TRANSLATE_NOOP+=PHRASE"]
FLOORS = ["engine", "app", "ui"]
LUPDATE_PLACES = ["/usr/lib/qt6/bin", "/usr/lib64/qt6/bin", "/usr/lib/qt6/libexec"]
# A class without Q_OBJECT looks its texts up under the name of its base class.
MISFILED = ("lacks Q_OBJECT macro", "unknown namespace/class")
SENTENCE_ENDS = {".": "。", "?": "？", "…": "…", ":": "："}


def ts_file(locale):
    return ROOT / "resources" / "i18n" / f"inglenook_{locale}.ts"


def find_lupdate(given):
    if given:
        return given
    return next((path for place in LUPDATE_PLACES if (path := shutil.which("lupdate", path=place))), None)


def run_lupdate(lupdate, locale, target):
    """Updates `target`; returns what lupdate complained about."""
    done = subprocess.run([lupdate, *OPTIONS, *LOCALES[locale], *FLOORS, "-ts", str(target)],
                          cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def messages(path):
    """{(context, source, comment): translation element} of a .ts file."""
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            key = (context.findtext("name"), message.findtext("source"), message.findtext("comment") or "")
            found[key] = message.find("translation")
    return found


def forms(translation):
    plurals = [form.text or "" for form in translation.iter("numerusform")]
    return plurals or [translation.text or ""]


def placeholders(text):
    """%1, %L1, %n, {name} and keyboard mnemonics, sorted: what a translation has to keep."""
    return sorted(re.findall(r"%L?\d+|%L?n|\{\w+\}|&(?=\w)", text))


def entry_problems(locale, key, translation):
    context, source, _ = key
    where = f"{locale}: {context}: {source!r}"
    if translation.get("type"):
        yield f"{where}: {translation.get('type')}"
        return
    for text in forms(translation):
        if not text.strip():
            yield f"{where}: empty"
        elif placeholders(text) != placeholders(source):
            yield f"{where}: placeholders differ in {text!r}"
        elif locale == "zh_CN" and not text.endswith(SENTENCE_ENDS.get(source[-1], text[-1])):
            yield f"{where}: ends otherwise in {text!r}"


def lookup_contexts():
    """Every context that some class or call of the sources looks texts up under."""
    contexts = {"Status"}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            text = path.read_text(encoding="utf-8")
            contexts.update(re.findall(r"Q_DECLARE_TR_FUNCTIONS\(([\w:]+)\)", text))
            contexts.update(re.findall(r'\btranslate\(\s*"([^"]+)"', text))
            for name in re.findall(r"\bclass (\w+)[^;{]*\{\s*Q_OBJECT\b", text):
                contexts.add(f"{floor}::{name}")
    return contexts


def source_problems(locale, lupdate):
    """Compares the .ts file with what lupdate finds now."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / ts_file(locale).name
        shutil.copy(ts_file(locale), copy)
        complaints = run_lupdate(lupdate, locale, copy)
        now, then = messages(copy), messages(ts_file(locale))
    for line in complaints:
        if any(mark in line for mark in MISFILED):
            yield f"{line}: its texts would not be found; see Q_DECLARE_TR_FUNCTIONS in ui/text_format.cpp"
    for context, source, _ in sorted(now.keys() - then.keys()):
        yield f"{locale}: {context}: {source!r}: missing, run update_translations"
    for context, source, _ in sorted(then.keys() - now.keys()):
        yield f"{locale}: {context}: {source!r}: no longer in the sources, run update_translations"


def check(lupdate):
    problems = []
    contexts = lookup_contexts()
    for locale in LOCALES:
        for key, translation in messages(ts_file(locale)).items():
            problems += entry_problems(locale, key, translation)
            if key[0] not in contexts:
                problems.append(f"{locale}: {key[0]}: nothing looks texts up under this context ({key[1]!r})")
        if lupdate:
            problems += source_problems(locale, lupdate)
    for problem in dict.fromkeys(problems):
        print(problem)
    if not lupdate:
        print("lupdate is not installed: the sources were not compared")
    print(f"{len(messages(ts_file('zh_CN')))} texts, {len(set(problems))} problems")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["update", "check"])
    parser.add_argument("--lupdate", help="the lupdate of Qt 6, when it is not in a usual place")
    arguments = parser.parse_args()
    lupdate = find_lupdate(arguments.lupdate)
    if arguments.command == "check":
        return check(lupdate)
    if not lupdate:
        sys.exit("lupdate is not installed (Debian: qt6-l10n-tools)")
    for locale in LOCALES:
        print("\n".join(run_lupdate(lupdate, locale, ts_file(locale))), end="")
    return 0


sys.exit(main())
