"""What people do to a question before they press Enter: politeness, casing, missing words and marks,
other words, typing mistakes. Each function takes and returns a text; randomness comes from `rng`."""
import re

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
EN_SYNONYMS = {
    "change": ["alter", "modify", "adjust", "switch"], "open": ["launch", "open up", "bring up"],
    "find": ["locate", "discover", "spot", "track down"], "delete": ["remove", "erase", "get rid of"],
    "show": ["display", "reveal", "present"], "big": ["large", "huge"], "small": ["tiny", "little"],
    "fast": ["quick", "speedy"], "slow": ["sluggish", "laggy"], "answer": ["reply", "response"],
    "answers": ["replies", "responses"], "question": ["query"], "chat": ["conversation", "dialogue", "thread"],
    "chats": ["conversations", "threads"], "program": ["app", "software", "application", "tool"],
    "computer": ["machine", "PC", "laptop", "workstation"], "folder": ["directory"], "file": ["document"],
    "start": ["begin", "launch"], "stop": ["halt", "end"], "get": ["obtain", "receive"], "use": ["work with", "employ"],
    "model": ["network", "LLM", "AI model"], "models": ["LLMs", "networks"], "text": ["words", "writing"],
    "saved": ["stored", "kept"], "stored": ["saved", "located", "kept"], "write": ["type", "compose"],
    "mean": ["signify", "stand for"], "explain": ["clarify", "describe"], "need": ["require"],
    "needs": ["requires"], "want": ["wish", "would like"], "help": ["assist", "support"], "error": ["failure", "fault"],
    "screen": ["display"], "key": ["button"], "button": ["key"], "shortcut": ["key combo", "hotkey"],
    "shortcuts": ["key combos", "hotkeys"], "settings": ["preferences", "options"], "memory": ["RAM"],
    "see": ["view", "look at"], "run": ["execute", "work"], "load": ["open", "read in"], "good": ["decent", "fine"],
    "bad": ["poor", "awful"], "list": ["overview"], "difference": ["distinction"], "pick": ["choose", "select"],
    "choose": ["select", "pick"], "quit": ["exit", "close"], "hide": ["conceal"], "picture": ["image"],
    "shown": ["displayed"], "speed": ["pace"], "long": ["lengthy"], "copy": ["duplicate"], "old": ["earlier", "past"],
    "new": ["fresh", "another"], "best": ["ideal", "optimal"], "data": ["information"], "message": ["note", "text"],
}
ZH_SYNONYMS = [
    ("怎么", ["如何", "怎样", "咋"]), ("如何", ["怎么", "怎样"]), ("什么", ["啥", "什么样的"]), ("哪里", ["哪儿", "什么地方"]),
    ("程序", ["软件", "应用"]), ("软件", ["程序"]), ("电脑", ["计算机", "机器"]), ("对话", ["聊天", "会话"]), ("聊天", ["对话", "会话"]),
    ("回答", ["答案", "回复"]), ("打开", ["开启", "启动"]), ("删除", ["删掉", "移除"]), ("修改", ["更改", "改动"]), ("可以", ["能", "能够"]),
    ("需要", ["要", "得"]), ("知道", ["了解"]), ("意思", ["含义"]), ("区别", ["不同", "差别"]), ("为什么", ["为啥", "为何"]), ("快捷键", ["热键", "组合键"]),
    ("设置", ["选项"]), ("文件夹", ["目录"]), ("目录", ["文件夹"]), ("保存", ["存", "储存"]), ("显示", ["展示"]), ("问题", ["疑问"]), ("使用", ["用"]),
    ("显卡", ["GPU", "独显"]), ("内存", ["RAM"]), ("词元", ["token"]), ("慢", ["卡"]), ("停止", ["停下", "终止"]), ("模型", ["大模型", "语言模型"]),
    ("查找", ["搜索", "寻找"]), ("新建", ["创建", "开"]), ("这个", ["该", "这"]), ("怎么办", ["咋办", "如何解决"]), ("吗", ["么", "不"]), ("说", ["讲"]),
]
ZH_TYPOS = [("的", "得"), ("在", "再"), ("模型", "模形"), ("做", "作"), ("快捷键", "快接键"), ("量化", "量话"), ("吗", "嘛"),
            ("显卡", "显咔"), ("哪里", "那里"), ("哪个", "那个"), ("怎么", "怎莫"), ("加载", "加栽"), ("对话", "对活"), ("账号", "帐号"),
            ("了", "啦"), ("什么", "神马"), ("缓存", "缓冲"), ("启动", "启东"), ("安装", "按装"), ("搜索", "搜素")]
EN_STOP = {"the", "a", "an", "do", "does", "is", "are", "to", "i", "my", "of", "can", "for", "in", "me", "it", "you"}
NEAR = {"a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
        "k": "jl", "l": "ko", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
        "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x"}
CONTRACTIONS = [("what is", "what's"), ("where is", "where's"), ("how is", "how's"), ("I am", "I'm"), ("do not", "don't"),
                ("does not", "doesn't"), ("cannot", "can't"), ("is not", "isn't"), ("I would", "I'd"), ("it is", "it's"),
                ("what's", "whats"), ("don't", "dont"), ("can't", "cant"), ("I'm", "im"), ("you", "u"), ("please", "pls"),
                ("doesn't", "doesnt"), ("want to", "wanna"), ("what are", "what're"), ("that is", "that's")]
WH = ("what", "which", "how", "where", "who", "why", "when")


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
        if other and rng.random() < 0.5:
            words[i] = rng.choice(other)
    return " ".join(words)


def english(text, rng, strength=1.0):
    if rng.random() < 0.25 * strength:
        text = otherWords(text, rng)
    if rng.random() < 0.25 * strength:
        old, new = rng.choice(CONTRACTIONS)
        text = text.replace(old, new)
    asks = text.lower().startswith(WH)
    if rng.random() < 0.10 * strength:
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


def chinese(text, rng, strength=1.0):
    if rng.random() < 0.25 * strength:
        old, new = rng.choice(ZH_SYNONYMS)
        text = text.replace(old, rng.choice(new), 1)
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
