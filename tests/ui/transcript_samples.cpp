#include "tests/ui/transcript_samples.h"

namespace tests {

using ui::MessageRole;
using ui::TranscriptMessage;

ui::TranscriptMessage message(const QString& id, MessageRole role, const QString& text) {
    TranscriptMessage message;
    message.id = id;
    message.role = role;
    message.author = role == MessageRole::User ? QStringLiteral("You")
                                               : QStringLiteral("R1-Distill-Qwen-7B \u00B7 INT8");
    message.text = text;
    return message;
}

QString richMarkdown(int seed) {
    QString out = QStringLiteral("## Part %1\n\nA paragraph with *some* words, **more** words and "
                                 "`code_%1` that goes on for a while, so that it breaks into more "
                                 "than one line of the column.\n\n")
                      .arg(seed);
    for (int i = 0; i <= seed % 5; ++i)
        out += QStringLiteral("- item %1 of a list\n").arg(i);
    out += QStringLiteral(
               "\n```cpp\nfor (int i = 0; i < %1; ++i)\n    sum += values[i]; // add\n```\n\n"
               "| name | value |\n|:--|--:|\n| first | %1 |\n| second | 12.5 |\n\n"
               "\u4E2D\u6587\u6DF7\u6392 with English \u6587\u5B57\u3002\n")
               .arg(seed);
    return out;
}

namespace {

const char* kEnglish = R"(# Sorting and keeping order

Use `std::stable_sort`. It keeps **equal elements** in their *original order*, unlike `std::sort`; see [the reference](https://en.cppreference.com/w/cpp/algorithm/stable_sort) or ~~guess~~ measure.

## How it works

1. It splits the range in two halves.
2. Each half is sorted, which takes
   - time: $O(n \log n)$ with a buffer,
   - memory: $n$ elements,
     - or less, when memory is short.
3. The halves are merged.

- [x] stable
- [ ] in place

> A sort is stable when it does not change what it need not change.
>
> > Quoted in a quote.

```cpp
#include <algorithm>
// Sort people by age; equal ages keep their order.
std::stable_sort(people.begin(), people.end(), [](const Person& a, const Person& b) { return a.age < b.age; });
const char* name = "Inglenook"; /* done */ return 42;
```

### Cost

| Algorithm | Time | Memory | Stable |
|:----------|-----:|:------:|--------|
| `std::sort` | O(n log n) | O(log n) | no |
| `std::stable_sort` | O(n log n) | O(n) | **yes** |
| insertion | O(n²) | O(1) | yes |

It costs $5 and $6 more. A formula of its own:

$$
T(n) = 2\,T(n/2) + O(n)
$$

---

An image: ![a chart of times](https://example.org/chart.png) and <b>raw HTML</b>.)";

const char* kChinese = R"(# 排序与稳定性

使用 `std::stable_sort`，它会保持**相等元素**的*原有顺序*。详见[参考手册](https://zh.cppreference.com/w/cpp/algorithm/stable_sort)。中英文 mixed text 应当 align 在同一条 baseline 上。

## 步骤

1. 将区间分成两半；
2. 分别排序，时间复杂度为 $O(n \log n)$；
   - 需要额外内存
   - 内存不足时会变慢
3. 合并两半。

> 稳定排序不会改变相等元素的相对次序。

```python
# 按年龄排序
people = sorted(people, key=lambda p: p["年龄"])
print(f"共 {len(people)} 人")
```

| 算法 | 时间 | 稳定 |
|:-----|----:|:----:|
| 快速排序 | O(n log n) | 否 |
| 归并排序 | O(n log n) | 是 |

其中$n$是元素个数。)";

const char* kWide = R"(A line of code that does not fit:

```bash
curl -s http://127.0.0.1:8484/v1/chat/completions -H 'Content-Type: application/json' -d '{"model":"R1-Distill-Qwen-7B","messages":[{"role":"user","content":"Hello"}],"stream":true}' | jq .
echo "$HOME" # short
```

A table that does not fit:

| Model | Weights | Memory | Prefill tok/s | Decode tok/s | Context | Comment on the result of the measurement | Licence |
|---|---|--:|--:|--:|--:|---|---|
| R1-Distill-Qwen-1.5B | INT8 | 1.9 GB | 2,310 | 128.4 | 131,072 | fits every card of the last ten years | MIT |
| R1-Distill-Qwen-14B | INT4 | 9.1 GB | 812 | 61.0 | 131,072 | needs a card with 12 GB | MIT |

```diff
- int old = 1;
+ int now = 2;
@@ -1,3 +1,3 @@
```

```json
{"name": "inglenook", "ok": true, "n": 12.5, "list": [1, null]}
```

Hidden: `rm -rf {zero}/tmp{bidi}gpj.` and a link [https://bank.example](https://evil.example/login).

VeryLongWordWithoutAnyPlaceToBreakItThatGoesOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOn.)";

} // namespace

std::vector<std::pair<QString, std::vector<TranscriptMessage>>> showcases() {
    TranscriptMessage question =
        message(QStringLiteral("q"), MessageRole::User,
                QStringLiteral("How do I keep equal elements in order?\nPlease with an example."));
    TranscriptMessage english =
        message(QStringLiteral("e"), MessageRole::Assistant, QString::fromUtf8(kEnglish));
    english.reasoning = QStringLiteral("The user asks about stable sorting.\n\nI should show it.");
    english.reasoningSeconds = 3.2;
    english.reasoningTokens = 214;
    english.stats = QStringLiteral("128 tok/s");
    english.siblingIndex = 1;
    english.siblingCount = 3;
    TranscriptMessage chineseQuestion = message(QStringLiteral("q"), MessageRole::User,
                                                QStringLiteral("怎样在排序时保持相等元素的顺序？"));
    chineseQuestion.author = QStringLiteral("你");
    TranscriptMessage chinese =
        message(QStringLiteral("c"), MessageRole::Assistant, QString::fromUtf8(kChinese));
    chinese.stats = QStringLiteral("128 tok/s");
    TranscriptMessage wide = message(QStringLiteral("w"), MessageRole::Assistant,
                                     QString::fromUtf8(kWide)
                                         .replace(QStringLiteral("{zero}"), QChar(0x200B))
                                         .replace(QStringLiteral("{bidi}"), QChar(0x202E)));
    TranscriptMessage thinking = message(QStringLiteral("t"), MessageRole::Assistant, {});
    thinking.running = true;
    thinking.reasoningSeconds = 12.3;
    thinking.reasoningTokens = 840;
    for (int i = 1; i <= 14; ++i)
        thinking.reasoning += QStringLiteral("Step %1: I look at the case where two keys are equal "
                                             "and ask what the merge does with them.\n\n")
                                  .arg(i);
    thinking.stats = QStringLiteral("61 tok/s");
    TranscriptMessage waiting = message(QStringLiteral("x"), MessageRole::Assistant, {});
    waiting.running = true;
    TranscriptMessage failed =
        message(QStringLiteral("f"), MessageRole::Assistant, QStringLiteral("The first step is"));
    failed.error = QStringLiteral("The answer stopped because the context of 4,096 tokens is full. "
                                  "Start a new chat or choose a larger context.");
    return {
        {QStringLiteral("english"), {question, english}},
        {QStringLiteral("chinese"), {chineseQuestion, chinese}},
        {QStringLiteral("wide"), {question, wide}},
        {QStringLiteral("thinking"), {question, thinking}},
        {QStringLiteral("waiting"), {question, waiting}},
        {QStringLiteral("failed"), {question, failed}},
    };
}

QStringList hostileMarkdown() {
    const QStringList targets{
        "file:///etc/passwd",
        "/etc/passwd",
        "/dev/zero",
        "file:///dev/zero",
        "//evil.example/share/x.png",
        "\\\\evil.example\\share\\x.png",
        "http://evil.example/x.png",
        "https://evil.example/x.png",
        "javascript:alert(1)",
        "data:image/png;base64,iVBORw0KGgo=",
        "qrc:/x.png",
        "ftp://evil.example/x",
        "smb://evil.example/x",
        "../../../../etc/passwd",
        "image://x",
        "http://127.0.0.1:1/x.gif",
    };
    const QStringList forms{
        "![a](%1)",
        "![a][r]\n\n[r]: %1",
        "[![a](%1)](%1)",
        "<img src=\"%1\">",
        "<iframe src='%1'></iframe>",
        "<link rel=stylesheet href=%1>",
        "<style>@import url(%1); body{background:url(%1)}</style>",
        "<script src=\"%1\"></script>",
        "[a](%1)",
        "<%1>",
        "| ![a](%1) | <img src=%1> |\n|-|-|\n| [x](%1) | %1 |",
        "```html\n<img src=\"%1\">\n```",
    };
    QStringList all;
    for (const QString& form : forms)
        for (const QString& target : targets)
            all += QString(form).replace(QStringLiteral("%1"), target);
    for (const QString& unit :
         {QString("["), QString("> "), QString("- "), QString("*a **b "), QString("`"),
          QString("$"), QString("|"), QString("\u202E"), QString("\u0627\u0644"),
          QString("a\u0300\u0301"), QString("<"), QString("\n1. "), QString("x")})
        all += unit.repeated(int(100'000 / unit.size()));
    return all; // 12 * 16 + 13 = 205
}

} // namespace tests
