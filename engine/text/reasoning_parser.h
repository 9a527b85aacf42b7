#pragma once
// ReasoningParser: splits a streamed answer into reasoning (<think> ... </think>) and answer text.
// Tags may be cut over tokens; a tag inside a code fence or inline code of the answer is text; a
// missing end tag leaves everything reasoning; white space behind a tag, and before a first
// <think>, is dropped. A first </think> that nothing opened is dropped too. However the text is cut
// into pushes, the parts are the same. One instance a request, one thread.

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
    /// True when the answer held a </think> that nothing had opened.
    bool sawStrayEnd() const { return m_sawStrayEnd; }

  private:
    std::vector<TextPart> scan(bool all);
    std::size_t scanReasoning(std::size_t from, bool all, std::vector<TextPart>& parts);
    std::size_t scanAnswer(std::size_t from, bool all, std::vector<TextPart>& parts);
    std::size_t skipBlanks(std::size_t from, bool all);
    bool takeTag(std::string_view tag, std::size_t& at, bool all, bool& undecided) const;
    void noteTicks(std::size_t count, char tick);
    void noteCharacter(char c);

    bool m_inside = false;
    bool m_sawTag = false;
    bool m_sawStrayEnd = false;
    bool m_skipsBlanks = false;   // behind a tag
    bool m_sawAnswerText = false; // other than white space
    std::string m_pending;        // not yet certain
    // Code of the answer.
    std::size_t m_codeTicks = 0; // length of the run that opened it, 0 = no code
    char m_codeTick = '`';
    bool m_codeIsFence = false;
    bool m_lineBlank = true; // only white space on this line so far
};

} // namespace engine
