#include "engine/text/tokenizer.h"

#include "engine/text/sentence_piece.h"
#include "engine/text/tokenizer_added_tokens.h"
#include "engine/text/tokenizer_encoder.h"
#include "engine/text/tokenizer_tables.h"

#include <new>

namespace engine {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; // U+FFFD, for the unknown token

Status inconsistent(std::string detail) {
    return Status(Code::TokenizerInconsistent, {{"detail", std::move(detail)}});
}

class BuiltTokenizer final : public Tokenizer {
  public:
    explicit BuiltTokenizer(Vocabulary vocabulary) : m_vocabulary(std::move(vocabulary)) {}

    Status build();

    std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const override;
    std::string_view tokenBytes(TokenId id, bool special) const override;
    std::string decode(std::span<const TokenId> ids, bool special) const override;
    const Vocabulary& vocabulary() const override { return m_vocabulary; }
    TokenId find(std::string_view tokenText) const override;
    bool isEndOfGeneration(TokenId id) const override;
    bool isControl(TokenId id) const override;

  private:
    bool isToken(TokenId id) const {
        return id >= 0 && static_cast<std::size_t>(id) < m_vocabulary.tokens.size();
    }
    TokenAttribute attributeOf(TokenId id) const {
        return m_vocabulary.tokens[static_cast<std::size_t>(id)].attribute;
    }
    Status indexTexts(TextIndex& mergeable);
    Status buildSplitter();
    Status buildRules(const TextIndex& mergeable);
    void buildAddedTokens();

    Vocabulary m_vocabulary;
    TokenBytes m_bytes;
    TextIndex m_byText; // views into m_vocabulary
    AddedTokens m_added;
    EncoderTables m_tables;
    std::vector<bool> m_ends;
};

Status BuiltTokenizer::build() {
    INGLENOOK_TRY(checkVocabulary(m_vocabulary));
    TextIndex mergeable;
    INGLENOOK_TRY(indexTexts(mergeable));
    INGLENOOK_TRY(buildSplitter());
    INGLENOOK_TRY(buildRules(mergeable));
    m_bytes = TokenBytes(m_vocabulary);
    m_tables.bytes = byteTokens(m_vocabulary, m_byText);
    m_ends = endOfGenerationSet(m_vocabulary, m_byText);
    buildAddedTokens();
    if (m_vocabulary.ignoreMerges) {
        const bool byteLevel = m_vocabulary.kind == TokenizerKind::ByteLevelBpe;
        for (const auto& [text, id] : mergeable)
            if (attributeOf(id) == TokenAttribute::Normal)
                m_tables.wholePieces.emplace(byteLevel ? m_bytes.of(id) : text, id);
    }
    return {};
}

/// Empty texts are never matched and may repeat; so may texts of tokens that never come from text.
Status BuiltTokenizer::indexTexts(TextIndex& mergeable) {
    m_byText.reserve(m_vocabulary.tokens.size());
    mergeable.reserve(m_vocabulary.tokens.size());
    for (std::size_t i = 0; i < m_vocabulary.tokens.size(); ++i) {
        const VocabularyToken& token = m_vocabulary.tokens[i];
        if (token.text.empty())
            continue;
        const auto id = static_cast<TokenId>(i);
        m_byText.emplace(token.text, id);
        if (!isMergeable(token.attribute))
            continue;
        const auto [place, fresh] = mergeable.emplace(token.text, id);
        if (!fresh)
            return inconsistent("tokens " + std::to_string(place->second) + " and " +
                                std::to_string(id) + " are both spelled " +
                                token.text.substr(0, 40));
    }
    return {};
}

Status BuiltTokenizer::buildSplitter() {
    std::vector<std::string> patterns = m_vocabulary.splitRegexes;
    const bool byteLevel = m_vocabulary.kind == TokenizerKind::ByteLevelBpe;
    if (byteLevel && (!m_vocabulary.preTokenizer.empty() || patterns.empty())) {
        const std::string& name = m_vocabulary.preTokenizer;
        const auto preset = preTokenizerPreset(name.empty() ? "default" : name);
        if (!preset)
            return Status(Code::TokenizerUnsupported,
                          {{"part", "the pre-tokenizer " + name.substr(0, 80)}});
        patterns = preset->patterns;
        m_vocabulary.ignoreMerges = m_vocabulary.ignoreMerges || preset->ignoreMerges;
    }
    if (m_vocabulary.splitDigitsSingly)
        patterns.emplace_back(R"(\p{N})");
    auto splitter = PreTokenizer::create(patterns);
    INGLENOOK_TRY(splitter.status());
    m_tables.splitter = std::move(*splitter);
    return {};
}

Status BuiltTokenizer::buildRules(const TextIndex& mergeable) {
    const bool byteLevel = m_vocabulary.kind == TokenizerKind::ByteLevelBpe;
    if (!byteLevel && m_vocabulary.merges.empty()) {
        SentencePieceRules made = rulesFromScores(m_vocabulary, mergeable);
        m_tables.rules = std::move(made.rules);
        m_tables.characters = std::move(made.characters);
    } else {
        auto rules = rulesFromMerges(m_vocabulary, mergeable, m_byText);
        INGLENOOK_TRY(rules.status());
        m_tables.rules = std::move(*rules);
        if (!byteLevel)
            m_tables.characters = characterSymbols(mergeable);
    }
    // With expressions of its own the model has decided where text is cut.
    m_tables.cutBeforeSpaces =
        !byteLevel && m_vocabulary.splitRegexes.empty() && spacesOnlyLead(mergeable);
    return {};
}

void BuiltTokenizer::buildAddedTokens() {
    std::vector<AddedToken> added;
    for (std::size_t i = 0; i < m_vocabulary.tokens.size(); ++i) {
        const VocabularyToken& token = m_vocabulary.tokens[i];
        const bool control = token.attribute == TokenAttribute::Control ||
                             token.attribute == TokenAttribute::Unknown;
        if (!control && token.attribute != TokenAttribute::UserDefined)
            continue;
        const auto id = static_cast<TokenId>(i);
        added.push_back({std::string(m_bytes.of(id)), id, control, token.lstrip, token.rstrip});
    }
    m_added = AddedTokens(std::move(added));
}

std::vector<TokenId> BuiltTokenizer::encode(std::string_view text, EncodeOptions options) const {
    std::vector<TokenId> ids;
    ids.reserve(text.size() / 3 + 2);
    if (options.addBos && m_vocabulary.addBos && m_vocabulary.bos != kNoToken)
        ids.push_back(m_vocabulary.bos);
    TokenEncoder encoder(m_vocabulary, m_tables, text.size(), ids);
    for (std::size_t at = 0; at < text.size();) {
        const AddedTokens::Match match = m_added.find(text, at, options.parseSpecial);
        const std::size_t end = match.id == kNoToken ? text.size() : match.begin;
        if (end > at)
            encoder.encode(text.substr(at, end - at), at == 0);
        if (match.id == kNoToken)
            break;
        ids.push_back(match.id);
        at = match.end;
    }
    return ids;
}

std::string_view BuiltTokenizer::tokenBytes(TokenId id, bool special) const {
    if (!isToken(id))
        return {};
    const TokenAttribute attribute = attributeOf(id);
    if (!special && attribute == TokenAttribute::Control)
        return {};
    if (!special && attribute == TokenAttribute::Unknown)
        return kReplacement;
    return m_bytes.of(id);
}

std::string BuiltTokenizer::decode(std::span<const TokenId> ids, bool special) const {
    std::string text;
    bool stripSpace =
        m_vocabulary.kind == TokenizerKind::SentencePiece && m_vocabulary.addSpacePrefix;
    for (const TokenId id : ids) {
        std::string_view bytes = tokenBytes(id, special);
        // The prefix that encoding put before the text; control tokens before it do not count.
        if (stripSpace && isToken(id) && !isControl(id)) {
            stripSpace = false;
            if (bytes.starts_with(' '))
                bytes.remove_prefix(1);
        }
        text += bytes;
    }
    return text;
}

TokenId BuiltTokenizer::find(std::string_view tokenText) const {
    const auto found = m_byText.find(tokenText);
    return found != m_byText.end() ? found->second : kNoToken;
}

bool BuiltTokenizer::isEndOfGeneration(TokenId id) const {
    return isToken(id) && m_ends[static_cast<std::size_t>(id)];
}

bool BuiltTokenizer::isControl(TokenId id) const {
    return isToken(id) && attributeOf(id) == TokenAttribute::Control;
}

} // namespace

Result<std::shared_ptr<const Tokenizer>> Tokenizer::create(Vocabulary vocabulary) {
    try {
        auto tokenizer = std::make_shared<BuiltTokenizer>(std::move(vocabulary));
        INGLENOOK_TRY(tokenizer->build());
        return std::shared_ptr<const Tokenizer>(std::move(tokenizer));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "the tokenizer's tables"}, {"free", "less"}});
    }
}

} // namespace engine
