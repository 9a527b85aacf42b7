"""Answers that are computed: sums, counting, and which model fits into how much memory.

Every maker returns (question form values, thinking or None, answer); the texts of the questions are in
corpus/wordings/numbers.*.txt.
"""

EN_WORDS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty").split()
EN_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
WORD_SHARE = 0.3  # of the numbers of a question are written as words
ZH_DIGITS = "零一二三四五六七八九"
SIZES = {"1.5B": (1.9, 1.2), "7B": (8.1, 4.8), "8B": (8.5, 5.0), "14B": (15.7, 9.1), "32B": (34.8, 19.2), "70B": (75.0, 41.0)}
MEMORY = [4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128]
CARDS = {"RTX 3060": 12, "RTX 3070": 8, "RTX 3080": 10, "RTX 3090": 24, "RTX 4060": 8, "RTX 4070": 12, "RTX 4080": 16,
         "RTX 4090": 24, "RTX 5080": 16, "RTX 5090": 32, "RTX A6000": 48, "L40S": 48, "A100 80GB": 80, "H100": 80, "T4": 16}
CARD_SHARE = 0.25  # of the memory sizes are said by the name of a card
EN_MODELS = ["a {s} model", "{s}", "the {s} model", "a {s}", "DeepSeek {s}", "R1-Distill {s}", "a model with {s}", "{s} model"]
ZH_MODELS = ["{s} 模型", "{s}", "{s} 的模型", "DeepSeek {s}", "R1-Distill {s}"]
EN_MEMORY = ["{g} GB", "{g}GB", "{g} GB of RAM", "{g} GB of memory", "{g} GB VRAM", "a {g} GB card", "a {g} GB GPU", "{g} gigabytes",
             "{g} gig", "a GPU with {g} GB", "{g} GB of VRAM", "{g} GB memory", "{g}GB RAM", "{g} gigs of RAM",
             "a graphics card with {g} GB"]
ZH_MEMORY = ["{g} GB 内存", "{g}G 内存", "{g}GB", "{g}G", "{g} GB 显存", "{g}G 显存", "{g} GB 的显卡", "{g}G 的显卡", "{g} GB", "{g} 个 G",
             "{g}G 显卡", "{g}GB 内存"]


def enWord(n):
    if n <= 20:
        return EN_WORDS[n]
    tens, ones = divmod(n, 10)
    return EN_TENS[tens] + ("-" + EN_WORDS[ones] if ones else "")


def zhWord(n):
    if n < 10:
        return ZH_DIGITS[n]
    tens, ones = divmod(n, 10)
    return ("" if tens == 1 else ZH_DIGITS[tens]) + "十" + (ZH_DIGITS[ones] if ones else "")


def spell(n, lang, rng):
    """The number as digits, now and then as a word."""
    if n < 100 and rng.random() < WORD_SHARE:
        return enWord(n) if lang == "en" else zhWord(n)
    return str(n)


def pair(rng):
    top = rng.choice([10, 20, 99, 99])
    return rng.randint(0, top), rng.randint(0, top)


def addSteps(a, b, lang):
    """Column addition in words; None when there is nothing to carry."""
    ones = a % 10 + b % 10
    tens = a // 10 + b // 10
    if a < 10 or b < 10:
        if ones < 10:
            return None
    carry = ones // 10
    total = tens + carry
    if lang == "en":
        first = f"{a % 10} + {b % 10} = {ones}"
        first += f", write {ones % 10}, carry 1" if carry else ""
        return f"{first}. Tens: {a // 10} + {b // 10}{' + 1' if carry else ''} = {total}. So {a + b}."
    first = f"{a % 10} + {b % 10} = {ones}"
    first += f"，写 {ones % 10} 进 1" if carry else ""
    return f"{first}。十位：{a // 10} + {b // 10}{' + 1' if carry else ''} = {total}。所以是 {a + b}。"


def makeSum(rng, lang):
    a, b = pair(rng)
    return {"a": spell(a, lang, rng), "b": spell(b, lang, rng)}, addSteps(a, b, lang), f"{a} + {b} = **{a + b}**"


def makeDifference(rng, lang):
    a, b = sorted(pair(rng), reverse=True)
    return {"a": spell(a, lang, rng), "b": spell(b, lang, rng)}, None, f"{a} - {b} = **{a - b}**"


def counted(first, last):
    step = 1 if last >= first else -1
    return ", ".join(str(n) for n in range(first, last + step, step))


def makeCountUp(rng, lang):
    first = rng.randint(0, 90)
    last = min(100, first + rng.randint(1, 29))
    return {"a": spell(first, lang, rng), "b": spell(last, lang, rng)}, None, counted(first, last)


def makeCountTo(rng, lang):
    last = rng.randint(2, 30)
    return {"b": spell(last, lang, rng)}, None, counted(1, last)


def makeCountDown(rng, lang):
    first = rng.randint(1, 100)
    last = max(0, first - rng.randint(1, 29))
    return {"a": spell(first, lang, rng), "b": spell(last, lang, rng)}, None, counted(first, last)


def makeCountDownFrom(rng, lang):
    first = rng.randint(2, 30)
    return {"a": spell(first, lang, rng)}, None, counted(first, 1)


def gigabytes(value):
    return f"{value:.1f}" if value < 40 else f"{value:.0f}"


def fits(size, memory):
    """'int8', 'int4' or None: what leaves 1 GB for the context."""
    int8, int4 = SIZES[size]
    return "int8" if int8 + 1 <= memory else "int4" if int4 + 1 <= memory else None


def phrase(kinds, rng, **values):
    return rng.choice(kinds).format(**values)


def memoryOf(rng, lang):
    """(GB, how a question says it): an amount, or a card that has it."""
    if rng.random() < CARD_SHARE:
        card, memory = rng.choice(list(CARDS.items()))
        name = card.removeprefix("RTX ") if rng.random() < 0.3 else card
        return memory, (f"{rng.choice(['an', 'a', 'my', 'one'])} {name}" if lang == "en" else
                        rng.choice(["{n}", "一张 {n}", "{n} 显卡"]).format(n=name))
    memory = rng.choice(MEMORY)
    return memory, phrase(EN_MEMORY if lang == "en" else ZH_MEMORY, rng, g=memory)


def makeFitSize(rng, lang):
    size = rng.choice(list(SIZES))
    memory, said = memoryOf(rng, lang)
    int8, int4 = (gigabytes(v) for v in SIZES[size])
    kind = fits(size, memory)
    if lang == "en":
        values = {"m": phrase(EN_MODELS, rng, s=size), "g": said}
        think = f"A {size} model: {int8} GB at INT8, {int4} GB at INT4. There are {memory} GB, and 1 GB should stay free for the context."
        verdict = {"int8": "Yes, at **INT8**", "int4": "Only at **INT4**", None: "**No**"}[kind]
        answer = (f"{verdict}: a {size} model needs about {int8} GB at INT8 and {int4} GB at INT4, "
                  f"and you have {memory} GB.")
    else:
        values = {"m": phrase(ZH_MODELS, rng, s=size), "g": said}
        think = f"{size} 模型：INT8 {int8} GB，INT4 {int4} GB。有 {memory} GB，要给上下文留 1 GB。"
        verdict = {"int8": "可以，用 **INT8**", "int4": "只能用 **INT4**", None: "**不行**"}[kind]
        answer = f"{verdict}：{size} 模型 INT8 约需 {int8} GB，INT4 约需 {int4} GB，而你有 {memory} GB。"
    return values, think, answer


def makeModelMemory(rng, lang):
    size = rng.choice(list(SIZES))
    int8, int4 = (gigabytes(v) for v in SIZES[size])
    if lang == "en":
        return ({"m": phrase(EN_MODELS, rng, s=size)}, None,
                f"A {size} model needs about **{int8} GB** at INT8 and **{int4} GB** at INT4, plus the KV cache.")
    return ({"m": phrase(ZH_MODELS, rng, s=size)}, None,
            f"{size} 模型 INT8 约需 **{int8} GB**，INT4 约需 **{int4} GB**，另加 KV 缓存。")


def biggest(memory, column):
    return [size for size, needs in SIZES.items() if needs[column] + 1 <= memory][-1]


def makeBestForSize(rng, lang):
    memory = rng.choice(MEMORY)
    int8, int4 = biggest(memory, 0), biggest(memory, 1)
    if lang == "en":
        return ({"g": phrase(EN_MEMORY, rng, g=memory)}, f"{memory} GB, 1 GB stays free for the context.",
                f"With {memory} GB: up to **{int8}** at INT8, or **{int4}** at INT4.")
    return ({"g": phrase(ZH_MEMORY, rng, g=memory)}, f"{memory} GB，给上下文留 1 GB。",
            f"{memory} GB：INT8 最大用 **{int8}**，INT4 最大用 **{int4}**。")


MAKERS = {"sum": makeSum, "difference": makeDifference, "count-up": makeCountUp, "count-up-1": makeCountTo,
          "count-down": makeCountDown, "count-down-1": makeCountDownFrom, "fit-size": makeFitSize,
          "model-memory": makeModelMemory, "best-for-size": makeBestForSize}
WEIGHTS = {"sum": 7, "difference": 4, "count-up": 2, "count-up-1": 1, "count-down": 1, "count-down-1": 1, "fit-size": 3,
           "model-memory": 1, "best-for-size": 1.5}
