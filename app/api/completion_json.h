#pragma once
// CompletionJson: answers in OpenAI's shapes, whole or in pieces. Pure; I/O thread.

#include "app/api/completion_request.h"
#include "engine/runtime/request.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace app {

/// One answer as far as it has come.
struct CompletionChoice {
    std::string text;
    std::string reasoning;
    nlohmann::ordered_json logprobs; ///< an array of token entries; null when not asked for
    engine::FinishReason finish = engine::FinishReason::None;
    engine::RequestTimings timings;
    bool fromCache = false;
    bool insideThink = false; ///< of inline reasoning: <think> was written, </think> not yet
};

class CompletionJson {
  public:
    CompletionJson(const CompletionRequest& asked, const engine::ModelInfo& model);

    /// Takes an event's text into the choice; the text to stream, in the field it belongs to.
    struct Piece {
        std::string content;
        std::string reasoning;
        nlohmann::ordered_json logprobs;
        bool empty() const { return content.empty() && reasoning.empty() && logprobs.is_null(); }
    };
    Piece take(CompletionChoice& choice, const engine::TokenEvent& event) const;

    /// "data: {...}\n\n" for the stream.
    std::string opening(std::size_t index) const; ///< of chat: the role
    std::string piece(std::size_t index, Piece piece) const;
    std::string closing(std::size_t index, const CompletionChoice& choice) const;
    std::string usage(const std::vector<CompletionChoice>& choices) const;

    /// The body of an answer that is not streamed.
    std::string whole(const std::vector<CompletionChoice>& choices) const;

  private:
    nlohmann::ordered_json frame(bool streamed) const;
    std::string event(nlohmann::ordered_json choice) const;
    nlohmann::ordered_json tokenEntry(const engine::TokenEvent& event) const;
    nlohmann::ordered_json textLogprobs(const nlohmann::ordered_json& entries) const;
    std::string tokenText(engine::TokenId token) const;

    CompletionRequest m_asked; // without its messages
    std::shared_ptr<const engine::Tokenizer> m_tokenizer;
    std::string m_id;
    std::string m_model;
    std::string m_fingerprint;
    std::int64_t m_created_s = 0;
};

const char* finishName(engine::FinishReason reason);

} // namespace app
