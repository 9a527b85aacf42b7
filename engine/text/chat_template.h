#pragma once
// ChatTemplate: renders a conversation into the pieces a model was trained on, by the Jinja
// template in its file (a subset, byte for byte as python3-jinja2 renders it), bounded in depth,
// steps, output.
//
// Pieces, not one string: what the template wrote may contain special tokens, what a person or a
// model wrote (message bodies) may never become one: encodePieces() looks for them in the former
// only.

#include "engine/status.h"
#include "engine/text/tokenizer.h"

#include <memory>
#include <string>
#include <vector>

namespace engine {

struct ChatMessage {
    std::string role;    // "system", "user", "assistant"
    std::string content; // without <think> for assistants of earlier turns (see dropReasoning)
};

struct PromptPiece {
    std::string text;
    bool isBody = false; // true: tokenized with parseSpecial = false
};

struct ChatTemplateInput {
    std::vector<ChatMessage> messages;
    bool addGenerationPrompt = true;
    std::string bosToken;
    std::string eosToken;
    bool enableThinking = true;  // Qwen3's switch
    std::string continuedAnswer; // text the assistant has already written, to be continued; after
                                 // the generation prompt
};

class ChatTemplate {
  public:
    /// Parses; an unknown filter or a syntax error names line and remedy.
    static Result<std::shared_ptr<const ChatTemplate>> parse(std::string source);
    /// ChatML, for models without a template of their own.
    static std::shared_ptr<const ChatTemplate> fallback();
    virtual ~ChatTemplate() = default;

    virtual Result<std::vector<PromptPiece>> render(const ChatTemplateInput& input) const = 0;
    virtual const std::string& source() const = 0;
};

/// All pieces in one string, as python's jinja2 would have returned it.
std::string joinPieces(const std::vector<PromptPiece>& pieces);

/// Tokenizes rendered pieces: template text with special tokens, bodies without. No second bos when
/// the template wrote one.
std::vector<TokenId> encodePieces(const Tokenizer& tokenizer,
                                  const std::vector<PromptPiece>& pieces);

/// An earlier answer without its <think> block (and the white space after it).
std::string dropReasoning(const std::string& answer);

/// True when the rendered prompt ends inside an opened <think> (R1 templates force it).
bool endsInsideReasoning(const std::vector<PromptPiece>& pieces);

} // namespace engine
