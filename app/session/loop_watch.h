#pragma once
// LoopWatch: whether a text that is being written goes round in circles: its end is one passage,
// word for word, at least kTimes in a row over at least kLeast characters, or one of its sentences
// comes again and again. A value; any thread.
//
// Costs about 70 comparisons a character, whatever the length of the text: only its last kWindow
// characters are looked at, each time a good handful has come.

#include <QString>
#include <QStringView>

namespace app {

class LoopWatch {
  public:
    static constexpr qsizetype kWindow = 4000; // UTF-16 units, like the others
    static constexpr qsizetype kLeast = 400;
    static constexpr qsizetype kTimes = 4;
    static constexpr int kSameSentences = 6;           // within the window
    static constexpr qsizetype kShortestSentence = 24; // shorter ones come again in good texts

    void push(QStringView text);
    /// As of the last push; false again when it found a way out.
    bool repeats() const { return m_repeats; }

  private:
    QString m_tail;
    qsizetype m_unseen = 0; // characters since the last look
    bool m_repeats = false;
};

} // namespace app
