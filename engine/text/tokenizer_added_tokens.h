#pragma once
// AddedTokens: finds added tokens verbatim in text before anything else is done to it, longest
// match first. Control tokens are found only where they are allowed.

#include "engine/text/vocabulary.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct AddedToken {
    std::string text; // as it appears in a conversation
    TokenId id = kNoToken;
    bool control = false;
    bool lstrip = false; // swallows white space on its left / right
    bool rstrip = false;
};

class AddedTokens {
  public:
    struct Match {
        TokenId id = kNoToken;
        std::size_t begin = 0; // what the token swallows, white space included
        std::size_t end = 0;
    };

    AddedTokens() = default;
    /// Tokens without text are left out; of two with the same text the first stays.
    explicit AddedTokens(std::vector<AddedToken> tokens);

    /// First match at or after `from`; id = kNoToken when there is none. White space swallowed on
    /// the left never reaches before `from`.
    Match find(std::string_view text, std::size_t from, bool allowControl) const;

  private:
    const AddedToken* longestAt(std::string_view text, std::size_t at, bool allowControl) const;

    std::vector<AddedToken> m_tokens; // sorted by text: one prefix is one range
    std::array<bool, 256> m_firstBytes{};
};

} // namespace engine
