#include "engine/text/stream_decoder.h"

#include "engine/text/unicode.h"

#include <algorithm>

namespace engine {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; // U+FFFD

/// Length of the longest tail of `text` that begins a stop string without being all of it.
std::size_t heldBack(std::string_view text, const std::vector<std::string>& stopStrings) {
    std::size_t longest = 0;
    for (const std::string& stop : stopStrings) {
        const std::size_t most = std::min(stop.size() - 1, text.size());
        for (std::size_t length = most; length > longest; --length) {
            if (text.substr(text.size() - length) == std::string_view(stop).substr(0, length)) {
                longest = length;
                break;
            }
        }
    }
    return longest;
}

} // namespace

StreamDecoder::StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer,
                             std::vector<std::string> stopStrings, bool continuesText)
    : m_tokenizer(std::move(tokenizer)),
      m_stopStrings(std::move(stopStrings)),
      m_first(!continuesText) {
    std::erase_if(m_stopStrings, [](const std::string& stop) { return stop.empty(); });
}

std::string StreamDecoder::push(TokenId id) {
    if (m_stopped)
        return {};
    std::string_view bytes = m_tokenizer->tokenBytes(id);
    if (m_first && !m_tokenizer->isControl(id)) {
        m_first = false;
        const Vocabulary& vocabulary = m_tokenizer->vocabulary();
        const bool prefixed =
            vocabulary.kind == TokenizerKind::SentencePiece && vocabulary.addSpacePrefix;
        if (prefixed && bytes.starts_with(' '))
            bytes.remove_prefix(1);
    }
    m_bytes += bytes;
    return release(false);
}

std::string StreamDecoder::finish() {
    return m_stopped ? std::string() : release(true);
}

/// Moves whole characters from m_bytes to m_pending, looks for stop strings, gives what is certain.
std::string StreamDecoder::release(bool all) {
    std::size_t at = 0;
    while (at < m_bytes.size()) {
        const std::size_t valid = utf8ValidUntil(m_bytes, at);
        m_pending.append(m_bytes, at, valid - at);
        at = valid;
        if (at == m_bytes.size())
            break;
        bool incomplete = false;
        const std::size_t malformed = utf8MalformedLength(m_bytes, at, incomplete);
        if (incomplete && !all)
            break;
        m_pending += kReplacement;
        at += malformed;
    }
    m_bytes.erase(0, at);

    // The stop string that ends first wins, whatever way the text was cut into tokens.
    std::size_t bestBegin = 0;
    std::size_t bestEnd = std::string::npos;
    for (const std::string& stop : m_stopStrings) {
        const std::size_t begin = m_pending.find(stop);
        if (begin == std::string::npos)
            continue;
        const std::size_t end = begin + stop.size();
        if (end < bestEnd || (end == bestEnd && begin < bestBegin)) {
            bestBegin = begin;
            bestEnd = end;
            m_matchedStop = stop;
        }
    }
    std::string out;
    if (bestEnd != std::string::npos) {
        m_stopped = true;
        out = m_pending.substr(0, bestBegin);
        m_pending.clear();
        m_bytes.clear();
        return out;
    }
    const std::size_t held = all ? 0 : heldBack(m_pending, m_stopStrings);
    out = m_pending.substr(0, m_pending.size() - held);
    m_pending.erase(0, m_pending.size() - held);
    return out;
}

} // namespace engine
