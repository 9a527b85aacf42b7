#include "engine/text/reasoning_parser.h"

namespace engine {

namespace {

constexpr std::string_view kOpenTag = "<think>";
constexpr std::string_view kCloseTag = "</think>";

bool isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void emit(std::vector<TextPart>& parts, std::string_view text, bool reasoning) {
    if (text.empty())
        return;
    if (parts.empty() || parts.back().reasoning != reasoning)
        parts.push_back({std::string(), reasoning});
    parts.back().text += text;
}

} // namespace

ReasoningParser::ReasoningParser(bool startInside)
    : m_inside(startInside), m_sawTag(startInside), m_skipsBlanks(startInside) {}

std::vector<TextPart> ReasoningParser::push(std::string_view text) {
    m_pending += text;
    return scan(false);
}

std::vector<TextPart> ReasoningParser::finish() {
    return scan(true);
}

std::vector<TextPart> ReasoningParser::scan(bool all) {
    std::vector<TextPart> parts;
    std::size_t at = 0;
    for (;;) {
        at = skipBlanks(at, all);
        const bool wasInside = m_inside;
        const bool wasSkipping = m_skipsBlanks;
        const std::size_t before = at;
        if (at < m_pending.size() && !m_skipsBlanks)
            at = m_inside ? scanReasoning(at, all, parts) : scanAnswer(at, all, parts);
        if (at == before && wasInside == m_inside && wasSkipping == m_skipsBlanks)
            break;
    }
    m_pending.erase(0, at);
    return parts;
}

std::size_t ReasoningParser::skipBlanks(std::size_t from, bool) {
    while (m_skipsBlanks && from < m_pending.size()) {
        if (isBlank(m_pending[from]))
            ++from;
        else
            m_skipsBlanks = false;
    }
    return from;
}

// True with `at` behind the tag when it stands there; `undecided` when it may still come.
bool ReasoningParser::takeTag(std::string_view tag, std::size_t& at, bool all,
                              bool& undecided) const {
    const std::string_view rest = std::string_view(m_pending).substr(at);
    if (rest.starts_with(tag)) {
        at += tag.size();
        return true;
    }
    undecided = undecided || (!all && tag.starts_with(rest));
    return false;
}

std::size_t ReasoningParser::scanReasoning(std::size_t from, bool all,
                                           std::vector<TextPart>& parts) {
    std::size_t at = from;
    while (at < m_pending.size()) {
        const std::size_t bracket = m_pending.find('<', at);
        if (bracket == std::string::npos) {
            at = m_pending.size();
            break;
        }
        std::size_t behind = bracket;
        bool undecided = false;
        if (takeTag(kCloseTag, behind, all, undecided)) {
            emit(parts, std::string_view(m_pending).substr(from, bracket - from), true);
            m_inside = false;
            m_skipsBlanks = true;
            m_lineBlank = true;
            return behind;
        }
        at = undecided ? bracket : bracket + 1;
        if (undecided)
            break;
    }
    emit(parts, std::string_view(m_pending).substr(from, at - from), true);
    return at;
}

// A run of ticks at the current place opens or closes code.
void ReasoningParser::noteTicks(std::size_t count, char tick) {
    const bool startsLine = m_lineBlank;
    m_lineBlank = false;
    if (m_codeTicks == 0) {
        m_codeIsFence = startsLine && count >= 3;
        if (tick == '~' && !m_codeIsFence)
            return;
        m_codeTicks = count;
        m_codeTick = tick;
    } else if (tick == m_codeTick &&
               (m_codeIsFence ? startsLine && count >= m_codeTicks : count == m_codeTicks)) {
        m_codeTicks = 0;
    }
}

void ReasoningParser::noteCharacter(char c) {
    if (c == '\n') {
        if (m_lineBlank && !m_codeIsFence)
            m_codeTicks = 0; // inline code does not reach over an empty line
        m_lineBlank = true;
    } else if (!isBlank(c)) {
        m_lineBlank = false;
    }
}

std::size_t ReasoningParser::scanAnswer(std::size_t from, bool all, std::vector<TextPart>& parts) {
    std::size_t at = from;   // looked at up to here
    std::size_t sure = from; // may be given out up to here; behind it: leading white space
    const auto give = [&] {
        emit(parts, std::string_view(m_pending).substr(from, sure - from), false);
        return sure;
    };
    const bool startLineBlank = m_lineBlank;
    while (at < m_pending.size()) {
        const char c = m_pending[at];
        if (c == '<' && m_codeTicks == 0) {
            std::size_t behind = at;
            bool undecided = false;
            const bool opens = takeTag(kOpenTag, behind, all, undecided);
            const bool closes = !opens && !m_sawTag && takeTag(kCloseTag, behind, all, undecided);
            if (opens || closes) {
                give(); // white space before a first tag stays behind `sure` and is dropped
                m_sawStrayEnd = m_sawStrayEnd || closes;
                m_sawTag = true;
                m_inside = opens;
                m_skipsBlanks = true;
                m_lineBlank = true;
                return behind;
            }
            if (undecided)
                break;
        }
        if (c == '`' || c == '~') {
            const std::size_t end = m_pending.find_first_not_of(c, at);
            if (end == std::string::npos && !all)
                break; // the run may go on
            const std::size_t behind = end == std::string::npos ? m_pending.size() : end;
            noteTicks(behind - at, c);
            at = behind;
            m_sawAnswerText = true;
        } else {
            noteCharacter(c);
            ++at;
            m_sawAnswerText = m_sawAnswerText || !isBlank(c);
        }
        if (m_sawAnswerText)
            sure = at;
    }
    if (!m_sawAnswerText) { // nothing but white space: looked at again with the next push
        m_lineBlank = startLineBlank;
        if (all)
            sure = at;
    }
    return give();
}

} // namespace engine
