#pragma once
// StreamDecoder: token bytes in, whole UTF-8 characters out. Holds back an incomplete character and
// a tail that may still become a stop string; replaces bytes that can never become a character by
// U+FFFD. One instance a sequence, used by one thread.

#include "engine/text/tokenizer.h"

#include <string>
#include <vector>

namespace engine {

class StreamDecoder {
  public:
    /// continuesText: the answer goes on in the middle of a text (raw completion), so
    /// SentencePiece's first space is text.
    StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> stopStrings,
                  bool continuesText = false);

    /// Text that became certain with this token; may be empty.
    std::string push(TokenId id);
    /// The held-back rest at the end of a generation.
    std::string finish();
    /// True once a stop string was found; the text up to it was returned, the stop string is not.
    bool stopped() const { return m_stopped; }
    const std::string& stopString() const { return m_matchedStop; }

  private:
    std::string release(bool all);

    std::shared_ptr<const Tokenizer> m_tokenizer;
    std::vector<std::string> m_stopStrings;
    std::string m_bytes;   // not yet whole characters
    std::string m_pending; // whole characters that may begin a stop string
    std::string m_matchedStop;
    bool m_stopped = false;
    bool m_first = true; // SentencePiece: the very first space is not text
};

} // namespace engine
