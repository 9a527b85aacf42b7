// encodePieces: rendered pieces into token ids.
//
// Special tokens are looked for in the template's own text only. What lies between two of them is
// tokenized in one go, bodies and template text together, so that a word at a border becomes the
// tokens it had in training ("User: " + "Hello" has " Hello" in it).
//
// Some files call their role marks "<｜User｜>" user-defined, and the tokenizer matches those in
// any text. In a body they are cut behind their first character, so that they stay text.
#include "engine/text/chat_template.h"

#include <array>

namespace engine {

namespace {

struct SpecialToken {
    std::string_view text;
    TokenId id = kNoToken;
};

// Tokens by their first byte, longest first.
using SpecialTable = std::array<std::vector<SpecialToken>, 256>;

bool isSpecial(const VocabularyToken& token) {
    return token.attribute == TokenAttribute::Control || token.attribute == TokenAttribute::Unknown;
}

bool isRoleMark(const VocabularyToken& token) {
    return token.attribute == TokenAttribute::UserDefined &&
           (token.text.starts_with("<|") || token.text.starts_with("<\xEF\xBD\x9C"));
}

SpecialTable tableOf(const Vocabulary& vocabulary, bool (*belongs)(const VocabularyToken&)) {
    SpecialTable table;
    for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
        const VocabularyToken& token = vocabulary.tokens[i];
        if (token.text.empty() || !belongs(token))
            continue;
        auto& row = table[static_cast<unsigned char>(token.text[0])];
        auto at = row.begin();
        while (at != row.end() && at->text.size() >= token.text.size())
            ++at;
        row.insert(at, {token.text, static_cast<TokenId>(i)});
    }
    return table;
}

bool isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class PieceEncoder {
  public:
    explicit PieceEncoder(const Tokenizer& tokenizer)
        : m_tokenizer(tokenizer),
          m_special(tableOf(tokenizer.vocabulary(), isSpecial)),
          m_roleMarks(tableOf(tokenizer.vocabulary(), isRoleMark)) {}

    void addBody(std::string_view text);
    void addTemplate(std::string_view text);
    std::vector<TokenId> finish();

  private:
    static const SpecialToken* tokenAt(const SpecialTable& table, std::string_view text);
    void addSpecial(TokenId id);
    void flush();
    void skipBlanks(std::string_view& text) {
        while (m_swallows && !text.empty() && isBlank(text.front()))
            text.remove_prefix(1);
        m_swallows = m_swallows && text.empty();
    }

    const Tokenizer& m_tokenizer;
    SpecialTable m_special;
    SpecialTable m_roleMarks;
    std::string m_pending;   // text since the last special token
    bool m_swallows = false; // the last special token takes the white space behind it
    std::vector<TokenId> m_ids;
};

const SpecialToken* PieceEncoder::tokenAt(const SpecialTable& table, std::string_view text) {
    for (const SpecialToken& token : table[static_cast<unsigned char>(text[0])])
        if (text.starts_with(token.text))
            return &token;
    return nullptr;
}

void PieceEncoder::flush() {
    if (m_pending.empty())
        return;
    const std::vector<TokenId> ids =
        m_tokenizer.encode(m_pending, {.addBos = false, .parseSpecial = false});
    m_ids.insert(m_ids.end(), ids.begin(), ids.end());
    m_pending.clear();
}

void PieceEncoder::addSpecial(TokenId id) {
    const VocabularyToken& token = m_tokenizer.vocabulary().tokens[static_cast<std::size_t>(id)];
    while (token.lstrip && !m_pending.empty() && isBlank(m_pending.back()))
        m_pending.pop_back();
    flush();
    m_ids.push_back(id);
    m_swallows = token.rstrip;
}

void PieceEncoder::addBody(std::string_view text) {
    skipBlanks(text);
    for (; !text.empty(); text.remove_prefix(1)) {
        m_pending.push_back(text.front());
        if (tokenAt(m_roleMarks, text) != nullptr)
            flush();
    }
}

void PieceEncoder::addTemplate(std::string_view text) {
    skipBlanks(text);
    while (!text.empty()) {
        if (const SpecialToken* token = tokenAt(m_special, text)) {
            text.remove_prefix(token->text.size());
            addSpecial(token->id);
            skipBlanks(text);
            continue;
        }
        m_pending.push_back(text.front());
        text.remove_prefix(1);
    }
}

std::vector<TokenId> PieceEncoder::finish() {
    flush();
    const Vocabulary& vocabulary = m_tokenizer.vocabulary();
    if (vocabulary.addBos && vocabulary.bos != kNoToken &&
        (m_ids.empty() || m_ids.front() != vocabulary.bos))
        m_ids.insert(m_ids.begin(), vocabulary.bos);
    return std::move(m_ids);
}

} // namespace

std::vector<TokenId> encodePieces(const Tokenizer& tokenizer,
                                  const std::vector<PromptPiece>& pieces) {
    PieceEncoder encoder(tokenizer);
    for (const PromptPiece& piece : pieces) {
        if (piece.isBody)
            encoder.addBody(piece.text);
        else
            encoder.addTemplate(piece.text);
    }
    return encoder.finish();
}

} // namespace engine
