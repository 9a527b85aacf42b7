#include "ui/text/highlighter.h"

#include <algorithm>

namespace ui {
namespace {

enum State { kNormal = 0, kBlockComment = 1, kTag = 2, kLongString = 16 };

/// Calls `f` with each word of a space-separated list until it returns true.
template<typename F>
bool anyWord(const char* list, F f) {
    const char* at = list;
    while (*at) {
        const char* end = at;
        while (*end && *end != ' ')
            ++end;
        if (f(QLatin1StringView(at, end - at)))
            return true;
        at = *end ? end + 1 : end;
    }
    return false;
}

bool contains(const char* list, QStringView word, bool ignoreCase) {
    const auto sensitivity = ignoreCase ? Qt::CaseInsensitive : Qt::CaseSensitive;
    return anyWord(list, [&](QLatin1StringView w) { return word.compare(w, sensitivity) == 0; });
}

/// Scans one line of a language made of words, strings and comments.
class WordScanner {
  public:
    WordScanner(const Language& language, QStringView line, std::vector<Token>& tokens)
        : m_language(language), m_line(line), m_tokens(tokens) {}

    int scan(int state) {
        if (state == kBlockComment && !skipBlockComment(0))
            return kBlockComment;
        if (state >= kLongString && !skipLongString(0, state - kLongString))
            return state;
        if (m_at == 0 && m_language.meta &&
            m_line.trimmed().startsWith(QLatin1Char(m_language.meta))) {
            add(0, m_line.size(), TokenKind::Meta);
            return kNormal;
        }
        while (m_at < m_line.size()) {
            const int next = step();
            if (next != kNormal)
                return next;
        }
        return kNormal;
    }

  private:
    void add(qsizetype start, qsizetype end, TokenKind kind) {
        if (end > start)
            m_tokens.push_back({int(start), int(end - start), kind});
    }

    /// False when the line ends inside.
    bool skipBlockComment(qsizetype start) {
        const QLatin1StringView close(m_language.blockClose);
        const qsizetype from = start == 0 && m_at == 0 ? 0 : start + qstrlen(m_language.blockOpen);
        const qsizetype end = m_line.indexOf(close, from);
        m_at = end < 0 ? m_line.size() : end + close.size();
        add(start, m_at, TokenKind::Comment);
        return end >= 0;
    }

    bool skipLongString(qsizetype start, int which) {
        int index = 0;
        QLatin1StringView mark;
        anyWord(m_language.longQuotes, [&](QLatin1StringView w) {
            mark = w;
            return index++ == which;
        });
        qsizetype i = start == 0 && m_at == 0 ? 0 : start + mark.size();
        while (i < m_line.size()) {
            if (m_line[i] == u'\\') {
                i += 2;
            } else if (m_line.mid(i).startsWith(mark)) {
                m_at = i + mark.size();
                add(start, m_at, TokenKind::String);
                return true;
            } else {
                ++i;
            }
        }
        m_at = m_line.size();
        add(start, m_at, TokenKind::String);
        return false;
    }

    /// Takes one token; returns the state to end the line with, or kNormal to go on.
    int step() {
        const QStringView rest = m_line.mid(m_at);
        const QChar c = rest[0];
        if (c.isSpace()) {
            ++m_at;
            return kNormal;
        }
        if (*m_language.blockOpen && rest.startsWith(QLatin1StringView(m_language.blockOpen))) {
            const qsizetype start = m_at;
            m_at = std::max<qsizetype>(m_at, 1); // past the line's start, see skipBlockComment
            return skipBlockComment(start) ? kNormal : kBlockComment;
        }
        if (anyWord(m_language.lineComments,
                    [&](QLatin1StringView w) { return rest.startsWith(w); })) {
            add(m_at, m_line.size(), TokenKind::Comment);
            m_at = m_line.size();
            return kNormal;
        }
        int index = 0;
        if (anyWord(m_language.longQuotes,
                    [&](QLatin1StringView w) { return rest.startsWith(w) || (++index, false); })) {
            const qsizetype start = m_at;
            m_at = std::max<qsizetype>(m_at, 1);
            return skipLongString(start, index) ? kNormal : kLongString + index;
        }
        if (QLatin1StringView(m_language.quotes).contains(c))
            string(c);
        else if (c.isDigit())
            number();
        else if (c.isLetter() || c == u'_' ||
                 (m_language.decorator && c == QLatin1Char(m_language.decorator)))
            word();
        else
            ++m_at;
        return kNormal;
    }

    void string(QChar quote) {
        const qsizetype start = m_at++;
        while (m_at < m_line.size() && m_line[m_at] != quote)
            m_at += m_line[m_at] == u'\\' ? 2 : 1;
        m_at = std::min(m_at + 1, m_line.size());
        add(start, m_at, m_language.keys && isKey() ? TokenKind::Property : TokenKind::String);
    }

    void number() {
        const qsizetype start = m_at;
        while (m_at < m_line.size() &&
               (m_line[m_at].isLetterOrNumber() || m_line[m_at] == u'.' || m_line[m_at] == u'_'))
            ++m_at;
        add(start, m_at, TokenKind::Number);
    }

    void word() {
        const qsizetype start = m_at++;
        const bool dashes = m_language.keys; // css and yaml names
        while (m_at < m_line.size() && (m_line[m_at].isLetterOrNumber() || m_line[m_at] == u'_' ||
                                        (dashes && m_line[m_at] == u'-')))
            ++m_at;
        const QStringView word = m_line.mid(start, m_at - start);
        if (m_language.decorator && word[0] == QLatin1Char(m_language.decorator))
            add(start, m_at, TokenKind::Meta);
        else if (contains(m_language.keywords, word, m_language.ignoreCase))
            add(start, m_at, TokenKind::Keyword);
        else if (contains(m_language.types, word, m_language.ignoreCase))
            add(start, m_at, TokenKind::Type);
        else if (m_language.keys && isKey())
            add(start, m_at, TokenKind::Property);
        else if (m_at < m_line.size() && m_line[m_at] == u'(')
            add(start, m_at, TokenKind::Function);
    }

    bool isKey() const {
        qsizetype i = m_at;
        while (i < m_line.size() && m_line[i] == u' ')
            ++i;
        return i < m_line.size() && m_line[i] == u':';
    }

    const Language& m_language;
    QStringView m_line;
    std::vector<Token>& m_tokens;
    qsizetype m_at = 0;
};

/// html and xml: text, tags with attributes, comments.
int highlightMarkup(QStringView line, int state, std::vector<Token>& tokens) {
    const auto add = [&](qsizetype from, qsizetype to, TokenKind kind) {
        if (to > from)
            tokens.push_back({int(from), int(to - from), kind});
    };
    qsizetype i = 0;
    while (i < line.size()) {
        if (state == kBlockComment || (state == kNormal && line.mid(i).startsWith(u"<!--"))) {
            const qsizetype end = line.indexOf(u"-->", i);
            const qsizetype to = end < 0 ? line.size() : end + 3;
            add(i, to, TokenKind::Comment);
            state = end < 0 ? kBlockComment : kNormal;
            i = to;
        } else if (state == kNormal) {
            const qsizetype open = line.indexOf(u'<', i);
            if (open < 0)
                return kNormal;
            if (line.mid(open).startsWith(u"<!--")) {
                i = open;
                continue;
            }
            qsizetype to = open + 1;
            while (to < line.size() &&
                   (line[to].isLetterOrNumber() || QStringView(u"/!?:-_").contains(line[to])))
                ++to;
            add(open, to, TokenKind::Keyword);
            state = kTag;
            i = to;
        } else if (line[i] == u'>') {
            add(i, i + 1, TokenKind::Keyword);
            state = kNormal;
            ++i;
        } else if (line[i] == u'"' || line[i] == u'\'') {
            const qsizetype end = line.indexOf(line[i], i + 1);
            const qsizetype to = end < 0 ? line.size() : end + 1;
            add(i, to, TokenKind::String);
            i = to;
        } else if (line[i].isLetter()) {
            qsizetype to = i;
            while (to < line.size() &&
                   (line[to].isLetterOrNumber() || QStringView(u":-_").contains(line[to])))
                ++to;
            add(i, to, TokenKind::Property);
            i = to;
        } else {
            ++i;
        }
    }
    return state;
}

void highlightDiff(QStringView line, std::vector<Token>& tokens) {
    const int length = int(line.size());
    if (line.startsWith(u"@@") || line.startsWith(u"diff ") || line.startsWith(u"index ") ||
        line.startsWith(u"+++") || line.startsWith(u"---"))
        tokens.push_back({0, length, TokenKind::Meta});
    else if (line.startsWith(u'+'))
        tokens.push_back({0, length, TokenKind::Added});
    else if (line.startsWith(u'-'))
        tokens.push_back({0, length, TokenKind::Removed});
}

} // namespace

int highlightLine(const Language& language, QStringView line, int state,
                  std::vector<Token>& tokens) {
    switch (language.grammar) {
    case Grammar::Words:
        return WordScanner(language, line, tokens).scan(state);
    case Grammar::Markup:
        return highlightMarkup(line, state, tokens);
    case Grammar::Diff:
        highlightDiff(line, tokens);
        return 0;
    }
    return 0;
}

} // namespace ui
