// How a transcript of 100,000 tokens takes 500 tokens a second: what a token costs the GUI thread,
// and how long the event loop is held up. Prints one JSON object. Run it with
// QT_QPA_PLATFORM=offscreen on a quiet machine.
//
//     bench_transcript [--seconds N] [--tokens N] [--rate N]

#include "tests/ui/transcript_samples.h"
#include "ui/chat/transcript.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <QApplication>
#include <QCommandLineParser>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QJsonDocument>
#include <QJsonObject>
#include <vector>

namespace {

using ui::MessageRole;
using ui::Transcript;
using ui::TranscriptMessage;

constexpr int kTokenChars = 4; // about what a token is in English text

/// Endless Markdown, cut into tokens.
class TokenSource {
  public:
    QString next() {
        if (m_at + kTokenChars > m_text.size()) {
            m_text = m_text.mid(m_at) + tests::richMarkdown(m_seed++) + QStringLiteral("\n\n");
            m_at = 0;
        }
        const QString token = m_text.mid(m_at, kTokenChars);
        m_at += kTokenChars;
        return token;
    }
    QString text(int tokens) {
        QString out;
        for (int i = 0; i < tokens; ++i)
            out += next();
        return out;
    }

  private:
    QString m_text;
    qsizetype m_at = 0;
    int m_seed = 0;
};

double threadCpuMs() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

double quantile(std::vector<double>& sorted, double q) {
    return sorted.empty() ? 0 : sorted[size_t(q * double(sorted.size() - 1))];
}

struct Result {
    double cpuPerTokenUs = 0;
    double stallP50Ms = 0, stallP99Ms = 0, stallMaxMs = 0;
    double busyMaxMs = 0; // longest CPU time between two heartbeats: what is ours of the stall
    double openMs = 0;
    int tokens = 0;

    QJsonObject json() const {
        return {{"tokens", tokens},
                {"open_ms", openMs},
                {"cpu_per_token_us", cpuPerTokenUs},
                {"stall_p50_ms", stallP50Ms},
                {"stall_p99_ms", stallP99Ms},
                {"stall_max_ms", stallMaxMs},
                {"busy_max_ms", busyMaxMs}};
    }
};

/// Streams at `rate` tokens a second for `seconds` behind `before`, the last of which runs.
Result stream(const std::vector<TranscriptMessage>& before, double seconds, double rate) {
    Transcript view;
    view.resize(1000, 900);
    view.show();
    QElapsedTimer clock;
    clock.start();
    view.setMessages(before);
    view.grab();
    Result result;
    result.openMs = double(clock.nsecsElapsed()) / 1e6;
    QEventLoop().processEvents();

    TokenSource source;
    const QString id = before.back().id;
    QEventLoop loop;
    QTimer feed, heart;
    std::vector<double> gaps;
    feed.setTimerType(Qt::PreciseTimer);
    heart.setTimerType(Qt::PreciseTimer);
    QObject::connect(&feed, &QTimer::timeout, [&] {
        const int due = int(double(clock.nsecsElapsed()) / 1e9 * rate);
        for (; result.tokens < due; ++result.tokens)
            view.appendText(id, source.next());
        if (double(clock.nsecsElapsed()) / 1e9 >= seconds)
            loop.quit();
    });
    qint64 last = 0;
    double lastCpu = 0;
    QObject::connect(&heart, &QTimer::timeout, [&] {
        const qint64 now = clock.nsecsElapsed();
        const double cpu = threadCpuMs();
        gaps.push_back(std::max(0.0, double(now - last) / 1e6 - 1.0));
        result.busyMaxMs = std::max(result.busyMaxMs, cpu - lastCpu);
        last = now;
        lastCpu = cpu;
    });
    clock.restart();
    const double cpu = lastCpu = threadCpuMs();
    feed.start(2);
    heart.start(1);
    loop.exec();
    result.cpuPerTokenUs = (threadCpuMs() - cpu) * 1000 / std::max(1, result.tokens);
    std::sort(gaps.begin(), gaps.end());
    result.stallP50Ms = quantile(gaps, 0.5);
    result.stallP99Ms = quantile(gaps, 0.99);
    result.stallMaxMs = gaps.empty() ? 0 : gaps.back();
    return result;
}

TranscriptMessage answer(const QString& id, const QString& text) {
    TranscriptMessage message = tests::message(id, MessageRole::Assistant, text);
    message.running = true;
    return message;
}

} // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    QCommandLineParser parser;
    parser.addOptions({{"seconds", "Length of each run.", "s", "20"},
                       {"tokens", "Tokens that stand before.", "n", "100000"},
                       {"rate", "Tokens a second.", "n", "500"}});
    parser.process(application);
    const double seconds = parser.value("seconds").toDouble();
    const double rate = parser.value("rate").toDouble();
    const int tokens = parser.value("tokens").toInt();

    TokenSource source;
    std::vector<TranscriptMessage> many;
    for (int i = 0; i < 100; ++i) {
        many.push_back(tests::message(QString::number(i),
                                      i % 2 ? MessageRole::Assistant : MessageRole::User,
                                      source.text(tokens / 100)));
        many.back().running = false;
    }
    many.push_back(answer("last", {}));

    stream({answer("a", {})}, std::min(seconds, 3.0), rate); // fonts and caches warm up
    const Result empty = stream({answer("a", {})}, seconds, rate);
    const Result chat = stream(many, seconds, rate);
    const Result single = stream({answer("a", source.text(tokens))}, seconds, rate);
    const QJsonObject report{
        {"rate_tok_s", rate},
        {"transcript_tokens", tokens},
        {"empty_chat", empty.json()},
        {"long_chat", chat.json()},
        {"long_answer", single.json()},
        {"cost_ratio", std::max(chat.cpuPerTokenUs, single.cpuPerTokenUs) / empty.cpuPerTokenUs}};
    std::printf("%s\n", QJsonDocument(report).toJson(QJsonDocument::Compact).constData());
    return 0;
}
