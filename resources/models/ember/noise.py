"""What people do to a question before they press Enter: politeness, casing, missing words and marks,
other words, another order, English words in Chinese, typing mistakes. Each function takes and returns a
text; randomness comes from `rng`. The other words are in corpus/synonyms.*.txt and corpus/mixed.zh.txt."""
import pathlib
import re

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def readSynonyms(name, colon, comma):
    """{word: [other words]}"""
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    pairs = (line.split(colon, 1) for line in lines if line and not line.startswith("#"))
    return {word: [other.strip() for other in others.split(comma)] for word, others in pairs}


def anyOf(words):
    """What finds one of the words, the longest first."""
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))


EN_PREFIX = ["please ", "hi, ", "hello, ", "hey, ", "sorry, ", "quick question: ", "so, ", "ok, ", "Ember, ",
             "hey Ember, ", "um, ", "one more thing: ", "excuse me, ", "just wondering, ", "well, ", "hmm, ",
             "dumb question: ", "hello! ", "hi there! ", "good morning, ", "now ", "and ", "but ",
             "question: ", "I am new here. ", "by the way, ", "actually, ", "oh, ", "dear Ember, ",
             "a friend asked me: ", "I was wondering: ", "next question: ", "a short question: "]
EN_SUFFIX = [" please", ", please", ", thanks", " here", " in Inglenook", " in this program", " exactly", " again",
             " by the way", " now", " then", " for me", ", Ember", ", do you know", ", any idea", ", thank you",
             " in this app", " with this program", " in short", " if I may ask", " on my computer", " right now",
             " these days", " at all", " actually", ", can you tell me", ", please explain"]
EN_WH_PREFIX = ["can you tell me ", "do you know ", "could you tell me ", "please tell me ", "tell me ",
                "I want to know ", "I wonder ", "I'd like to know ", "any idea ", "explain to me "]
ZH_PREFIX = ["请问", "你好，", "那个，", "我想问一下，", "想问下", "麻烦问一下，", "诶，", "Ember，", "您好，请问",
             "问一下，", "想知道", "不好意思，", "再问一个，", "对了，", "小白问一下，", "好的，那", "嗯，", "话说",
             "顺便问一下，", "朋友问我", "我是新手，", "请教一下，", "打扰了，", "那么", "还有，", "弱弱地问一句，",
             "老师，", "大佬，", "我想知道"]
ZH_SUFFIX = ["呢", "啊", "呀", "，谢谢", "，请问", "哦", "，麻烦了", "，急", "，在线等", "嘛", "的说", "来着",
             "，请告诉我", "，求教", "，谢谢啦", "，有人知道吗", "，请解释一下", "，简单说说"]
# Sentences that say nothing about the question; they stand before it.
EN_FILLER = ["I am writing a report. ", "My boss wants to know: ", "My friend says I should ask you. ", "I have been using this for a week. ",
             "I just bought a new laptop. ", "I am not good with computers. ", "Sorry if this is obvious. ", "I looked everywhere. ",
             "I am a student. ", "It is late and I am tired. ", "Something I always wondered: ", "My daughter asked me this. ",
             "I am on a train right now. ", "Maybe you can help. ", "I have read the page but did not get it. ", "Let me ask something. ",
             "I come from another program. ", "We are three people in the office. ", "Yesterday I was chatting and wondered: ",
             "I have a meeting in an hour. ", "No hurry. ", "I tried for an hour. ", "I don't want to break anything. ", "Be brief. ",
             "In one sentence: ", "For my notes: ", "I'm 70 years old, be patient. ", "Everybody talks about it. ", "Just curious. ",
             "I saw it on the screen. ", "I forgot: ", "Perhaps a silly one: ", "One thing bothers me. ", "Before I start: "]
ZH_FILLER = ["我在写报告。", "老板想知道，", "朋友让我来问你。", "我用了一个星期了。", "我刚买了新笔记本。", "我不太懂电脑。", "可能问题很傻。", "我到处都找过了。",
             "我是学生。", "我刚从别的软件换过来。", "昨天聊天时突然想到，", "我一会儿要开会。", "不着急。", "我试了一个小时。", "我怕弄坏东西。", "一句话回答：",
             "做个笔记：", "我年纪大了，请耐心点。", "大家都在说这个。", "纯属好奇。", "在屏幕上看到的。", "我忘了，", "有件事一直想不通。", "开始之前问一句，",
             "网上没查到。", "看了说明还是不明白。", "我女儿问我的。", "现在很晚了。", "我们办公室三个人都想知道，", "有点困惑。"]
ZH_TYPOS = [("的", "得"), ("在", "再"), ("模型", "模形"), ("做", "作"), ("快捷键", "快接键"), ("量化", "量话"), ("吗", "嘛"),
            ("显卡", "显咔"), ("哪里", "那里"), ("哪个", "那个"), ("怎么", "怎莫"), ("加载", "加栽"), ("对话", "对活"), ("账号", "帐号"),
            ("了", "啦"), ("什么", "神马"), ("缓存", "缓冲"), ("启动", "启东"), ("安装", "按装"), ("搜索", "搜素"),
            ("页面", "页面儿"), ("词元", "词源"), ("智能体", "智能题"), ("回答", "回达"), ("删除", "删处"), ("下载", "下栽"), ("断", "段"),
            ("复制", "复治"), ("端口", "断口"), ("密钥", "密匙"), ("设置", "设值"), ("标题", "标提"), ("置顶", "制顶"), ("备份", "备分"),
            ("仪表盘", "仪表板"), ("告警", "报警"), ("权重", "全重"), ("上下文", "上下问"), ("推理", "推力"), ("侧边栏", "侧边拦")]
EN_SYNONYMS = readSynonyms("synonyms.en.txt", ":", ",")
ZH_SYNONYMS, ZH_MIXED = readSynonyms("synonyms.zh.txt", "：", "、"), readSynonyms("mixed.zh.txt", "：", "、")
ZH_SYNONYM, ZH_MIX = anyOf(ZH_SYNONYMS), anyOf(ZH_MIXED)
ZH_LIGHT = re.compile("[的了吗呢吧啊我你它把给想要请个这那]|一下|可以|能不能|怎么|什么|如何")  # a hurried writer leaves them out
ZH_ASKS = re.compile("(怎么办|怎么弄|怎么做|是什么|在哪里|在哪|怎么用|为什么|可以吗|行吗|怎么回事|什么意思|有吗|怎么|如何|能不能|哪里)")
EN_STOP = {"the", "a", "an", "do", "does", "is", "are", "to", "i", "my", "of", "can", "for", "in", "me", "it", "you",
           "there", "that", "this", "we", "and", "at", "on", "with", "be", "was", "its", "so", "one"}
EN_ASKING = {"how", "what", "where", "which", "why", "want", "need", "would", "like", "could", "please", "should", "tell",
             "explain", "show", "way", "possible"}
NEAR = {"a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
        "k": "jl", "l": "ko", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
        "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x"}
CONTRACTIONS = [("what is", "what's"), ("where is", "where's"), ("how is", "how's"), ("I am", "I'm"), ("do not", "don't"),
                ("does not", "doesn't"), ("cannot", "can't"), ("is not", "isn't"), ("I would", "I'd"), ("it is", "it's"),
                ("what's", "whats"), ("don't", "dont"), ("can't", "cant"), ("I'm", "im"), ("you", "u"), ("please", "pls"),
                ("doesn't", "doesnt"), ("want to", "wanna"), ("what are", "what're"), ("that is", "that's")]
WH = ("what", "which", "how", "where", "who", "why", "when")


ORDERED = 1.0  # from this strength on the order may change: "9 minus 4" would mean something else


def misspell(text, rng):
    letters = [i for i, c in enumerate(text) if c.isascii() and c.isalpha()]
    if len(letters) < 5:
        return text
    i = rng.choice(letters)
    kind = rng.randrange(4)
    if kind == 0 and i + 1 < len(text) and text[i + 1].isalpha():
        return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    if kind == 1:
        return text[:i] + text[i + 1:]
    if kind == 2:
        return text[:i] + text[i] + text[i:]
    return text[:i] + rng.choice(NEAR.get(text[i].lower(), text[i])) + text[i + 1:]


def dropWords(text, rng):
    words = text.split(" ")
    if len(words) < 4:
        return text
    if rng.random() < 0.6:
        share = rng.choice([0.4, 0.7, 1.0])
        return " ".join(w for w in words if w.lower() not in EN_STOP or rng.random() > share) or text
    del words[rng.randrange(len(words))]
    return " ".join(words)


def otherWords(text, rng):
    words = text.split(" ")
    for i, word in enumerate(words):
        other = EN_SYNONYMS.get(word)
        if other and rng.random() < 0.4:
            words[i] = rng.choice(other)
    return " ".join(words)


def keywordsOnly(text, rng):
    """What one types into a search box: the words that carry the meaning, in any order."""
    words = [w.strip("?.,!:;") for w in text.split(" ")]
    kept = [w for w in words if w and w.lower() not in EN_STOP and (w.lower() not in EN_ASKING or rng.random() < 0.3)]
    if len(kept) < 2:
        return text
    if rng.random() < 0.5:
        rng.shuffle(kept)
    return " ".join(kept)


def otherOrder(text, rng):
    """The same words in an order that is unusual: the end before the beginning, or two neighbours changed."""
    words = text.split(" ")
    if len(words) < 4:
        return text
    kind = rng.random()
    if kind < 0.4:
        cut = rng.randrange(1, len(words))
        words = words[cut:] + words[:cut]
    elif kind < 0.6:
        cut = rng.randrange(1, min(4, len(words)))
        return " ".join(words[cut:]) + rng.choice([", ", " - ", " "]) + " ".join(words[:cut])
    elif kind < 0.8:
        i = rng.randrange(len(words) - 1)
        words[i], words[i + 1] = words[i + 1], words[i]
    else:
        i = rng.randrange(len(words))
        words.insert(rng.randrange(len(words)), words.pop(i))
    return " ".join(words)


def english(text, rng, strength=1.0):
    if rng.random() < 0.4 * strength:
        text = otherWords(text, rng)
    if strength >= ORDERED:
        order = rng.random()
        if order < 0.09:
            text = keywordsOnly(text, rng)
        elif order < 0.17:
            text = otherOrder(text, rng)
    if rng.random() < 0.25 * strength:
        old, new = rng.choice(CONTRACTIONS)
        text = text.replace(old, new)
    asks = text.lower().startswith(WH)
    if rng.random() < 0.13 * strength:
        text = dropWords(text, rng)
    if rng.random() < 0.14 * strength:
        text = rng.choice(EN_WH_PREFIX if asks and rng.random() < 0.4 else EN_PREFIX) + text
    if rng.random() < 0.12 * strength:
        text += rng.choice(EN_SUFFIX)
    for _ in range(2):
        if rng.random() < 0.08 * strength:
            text = misspell(text, rng)
    mark = rng.random()
    if asks or text.lower().startswith(("can", "is", "are", "does", "do ", "will", "could", "should", "may")):
        text += "?" if mark < 0.62 else "??" if mark < 0.65 else ""
    elif mark < 0.35:
        text += rng.choice([".", ".", "!", "?", "..."])
    case = rng.random()
    if case < 0.55:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.07 * strength:
        text = rng.choice(EN_FILLER) + text
    if case < 0.55:
        pass
    elif case < 0.80:
        pass
    elif case < 0.975:
        text = text.lower()
    else:
        text = text.upper()
    return text


def otherChineseWords(text, found, words, share, rng):
    return found.sub(lambda hit: rng.choice(words[hit.group()]) if rng.random() < share else hit.group(), text)


def otherChineseOrder(text, rng):
    """What is asked before the thing or after it; the second half first; two characters changed."""
    asks = ZH_ASKS.search(text)
    kind = rng.random()
    if asks and kind < 0.5:
        rest = text[:asks.start()] + text[asks.end():]
        return rng.choice([asks.group() + rest, rest + asks.group(), rest + "，" + asks.group()]) if rest else text
    if "，" in text and kind < 0.75:
        first, rest = text.split("，", 1)
        return rest + "，" + first
    if len(text) > 4:
        i = rng.randrange(len(text) - 1)
        if not (text[i].isascii() or text[i + 1].isascii()):
            return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    return text


def chinese(text, rng, strength=1.0):
    if rng.random() < 0.4 * strength:
        text = otherChineseWords(text, ZH_SYNONYM, ZH_SYNONYMS, 0.4, rng)
    if rng.random() < 0.06 * strength:
        text = otherChineseWords(text, ZH_MIX, ZH_MIXED, 0.6, rng)
    if strength >= ORDERED:
        if rng.random() < 0.11:
            text = otherChineseOrder(text, rng)
        if rng.random() < 0.10:
            short = ZH_LIGHT.sub(lambda hit: "" if rng.random() < 0.7 else hit.group(), text)
            text = short if len(short) > 1 else text
    if rng.random() < 0.15 * strength:
        text = rng.choice(ZH_PREFIX) + text
    if rng.random() < 0.12 * strength:
        text += rng.choice(ZH_SUFFIX)
    if rng.random() < 0.05 * strength:
        old, new = rng.choice(ZH_TYPOS)
        text = text.replace(old, new, 1)
    if rng.random() < 0.04 * strength and len(text) > 5:
        i = rng.randrange(len(text))
        text = text[:i] + text[i + 1:]
    if rng.random() < 0.3:
        text = re.sub(r"(?<=[\u3400-\u9fff]) (?=[A-Za-z0-9])|(?<=[A-Za-z0-9]) (?=[\u3400-\u9fff])", "", text)
    if rng.random() < 0.2:
        text = text.lower()
    if rng.random() < 0.07 * strength:
        text = rng.choice(ZH_FILLER) + text
    mark = rng.random()
    if mark < 0.5:
        text += "？"
    elif mark < 0.62:
        text += rng.choice(["?", "。", "！", "？？", "~", "…"])
    return text


def disturb(text, lang, rng, strength=1.0):
    return (english if lang == "en" else chinese)(text, rng, strength)
