#pragma once
// ReasoningParser: splits a streamed answer into reasoning (<think> ... </think>) and answer text.
// Tags may be cut over tokens; a tag inside a code fence or inline code of the answer is text; a
// missing end tag leaves everything reasoning. One instance a request, one thread.

#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct TextPart {
    std::string text;
    bool reasoning = false;
};

class ReasoningParser {
  public:
    /// startInside: the prompt itself ended with an opened <think>.
    explicit ReasoningParser(bool startInside);

    /// Parts that became certain. Adjacent parts of one kind are merged.
    std::vector<TextPart> push(std::string_view text);
    std::vector<TextPart> finish();
    bool insideReasoning() const { return m_inside; }

  private:
    std::vector<TextPart> scan(bool all);

    bool m_inside = false;
    bool m_sawAnswerText = false;
    std::string m_pending;
    int m_fenceTicks = 0; // open code fence or code span in the answer, 0 = none
    bool m_trimAfterTag = false;
};

} // namespace engine
