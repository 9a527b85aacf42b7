#pragma once
// PreTokenizer: cuts text into the pieces that merges never cross, by the model's own regular
// expressions (PCRE2: UTF, UCP, JIT).
//
// Every stage splits the pieces of the stage before: each match is a piece, and so is what lies
// between matches ("isolated" in tokenizer.json). Nothing is ever dropped.

#include "engine/status.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// The stages of a GGUF `tokenizer.ggml.pre` name; nothing when the name is not known.
struct PreTokenizerPreset {
    std::vector<std::string> patterns;
    bool ignoreMerges = false; // llama 3: a piece that is a token is taken whole
};
std::optional<PreTokenizerPreset> preTokenizerPreset(std::string_view name);
/// GPT-2's expression, which tokenizer.json calls ByteLevel with use_regex.
std::string_view gpt2Pattern();

class PreTokenizer {
  public:
    /// Compiles; an expression PCRE2 does not take is named with its reason.
    static Result<std::shared_ptr<const PreTokenizer>>
    create(const std::vector<std::string>& patterns);
    ~PreTokenizer();
    PreTokenizer(const PreTokenizer&) = delete;
    PreTokenizer& operator=(const PreTokenizer&) = delete;

    /// Scratch memory of one thread (match data, JIT stack).
    class Session {
      public:
        explicit Session(const PreTokenizer& owner);
        ~Session();
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;

        /// Calls sink(piece) in order of the text; `text` must be valid UTF-8. An expression that
        /// runs into its limits on some text leaves the rest of that piece whole.
        template<typename Sink>
        void split(std::string_view text, const Sink& sink) {
            stage(0, text, sink);
        }

      private:
        template<typename Sink>
        void stage(std::size_t index, std::string_view text, const Sink& sink) {
            if (index == m_owner.m_expressions.size()) {
                sink(text);
                return;
            }
            std::size_t at = 0;
            std::size_t begin = 0;
            std::size_t end = 0;
            while (at < text.size() && find(index, text, at, begin, end)) {
                if (begin > at)
                    stage(index + 1, text.substr(at, begin - at), sink);
                stage(index + 1, text.substr(begin, end - begin), sink);
                at = end;
            }
            if (at < text.size())
                stage(index + 1, text.substr(at), sink);
        }
        bool find(std::size_t index, std::string_view text, std::size_t from, std::size_t& begin,
                  std::size_t& end);

        struct State;
        const PreTokenizer& m_owner;
        std::unique_ptr<State> m_state;
    };

  private:
    struct Expression;
    PreTokenizer();
    std::vector<std::unique_ptr<Expression>> m_expressions;
};

} // namespace engine
