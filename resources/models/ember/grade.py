"""Grading of held-out answers. Standard library only: train.py and the end-to-end test both use it."""
import re

HONEST = re.compile(r"small guide|小向导", re.IGNORECASE)


def plain(answer):
    """The answer without its reasoning and without Markdown marks."""
    answer = re.sub(r"<think>.*?(</think>|\Z)", "", answer, flags=re.DOTALL)
    return answer.replace("*", "").replace("`", "")


def isRight(question, answer):
    text = plain(answer)
    return all(any(re.search(alternative, text, re.IGNORECASE) for alternative in group)
               for group in question["keys"])


def isHonest(answer):
    return HONEST.search(plain(answer)) is not None


def score(questions, answers):
    """(right, wrong ids) of questions with keys."""
    wrong = [q["id"] for q, a in zip(questions, answers) if not isRight(q, a)]
    return len(questions) - len(wrong), wrong
