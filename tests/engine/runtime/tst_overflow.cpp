// Conversations that outgrow the context, by policy; what was dropped is always told.
#include "engine/runtime/overflow.h"
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using tests::Bed;
using tests::RecordingSink;
using tests::words;

namespace {

std::vector<TokenEvent> droppedEvents(const RecordingSink& sink) {
    std::vector<TokenEvent> dropped;
    for (const TokenEvent& event : sink.events())
        if (event.kind == EventKind::Dropped)
            dropped.push_back(event);
    return dropped;
}

/// What an answer must be that drops [begin, end) whenever its context is full, by the same rule.
std::vector<TokenId> rolledTokens(const ModelInfo& model, const Request& request,
                                  std::vector<TokenId> tokens, std::uint32_t headTokens,
                                  std::uint32_t count, std::uint32_t& dropped) {
    std::vector<TokenId> generated;
    auto info = std::make_shared<ModelInfo>(model);
    while (generated.size() < count) {
        generated.push_back(tests::expectedTokens(tokens, 1, true).front());
        tokens.push_back(generated.back());
        if (tokens.size() < model.context)
            continue;
        Sequence sequence(0, info, request, nullptr, Prompt{tokens, false, false});
        sequence.headTokens = headTokens;
        const Cut cut = chooseCut(sequence);
        tokens.erase(tokens.begin() + cut.begin, tokens.begin() + cut.end);
        dropped += cut.end - cut.begin;
    }
    return generated;
}

Request talk(int turns, OverflowPolicy policy) {
    Request request;
    request.messages.push_back({"system", words(10, 100)});
    for (int i = 0; i < turns; ++i) {
        request.messages.push_back({"user", words(20, i)});
        request.messages.push_back({"assistant", words(20, 50 + i)});
    }
    request.messages.push_back({"user", "last" + words(5, 7)});
    request.overflow = policy;
    request.maxTokens = 10;
    return request;
}

} // namespace

class TstOverflow : public QObject {
    Q_OBJECT

  private slots:
    void stopsByDefault() {
        Bed bed(1, 512);
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(talk(20, OverflowPolicy::Stop), sink).status() ==
                Code::ContextExceeded);
    }

    void rollsOn_data() {
        QTest::addColumn<int>("policy");
        QTest::addColumn<bool>("reproducible");
        QTest::newRow("roll") << int(OverflowPolicy::Roll) << false;
        QTest::newRow("drop middle") << int(OverflowPolicy::DropMiddle) << false;
        QTest::newRow("roll reproducible") << int(OverflowPolicy::Roll) << true;
    }
    /// Every token is the one that the text as it is kept gives: the recomputation from the cut is
    /// checked by each of them.
    void rollsOn() {
        QFETCH(int, policy);
        QFETCH(bool, reproducible);
        Bed bed(2, 256);
        Request request;
        request.rawPrompt = words(100, 3);
        request.overflow = OverflowPolicy(policy);
        request.maxTokens = 900;
        request.ignoreEndOfGeneration = true;
        request.reproducible = reproducible;
        const auto prompt = bed.model->tokenizer->encode(*request.rawPrompt,
                                                         {.addBos = true, .parseSpecial = true});
        std::uint32_t dropped = 0;
        std::string expected;
        for (const TokenId token : rolledTokens(*bed.model, request, prompt, 1, 900, dropped))
            expected += bed.model->tokenizer->tokenBytes(token);
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::MaxTokens);
        QCOMPARE(sink->text(false), expected);
        std::uint32_t told = 0;
        for (const TokenEvent& event : droppedEvents(*sink)) {
            QVERIFY(event.droppedTokens > 0);
            told += event.droppedTokens;
            QCOMPARE(event.timings.droppedTokens, told);
        }
        QVERIFY(droppedEvents(*sink).size() > 3);
        QCOMPARE(sink->finished().timings.droppedTokens, told);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
        QTRY_COMPARE(bed.usedPages(), 0U);
        QTRY_COMPARE(bed.engine->snapshot().droppedTokensTotal, std::uint64_t(told));
    }

    void aRollingTextEndsAtLast() {
        Bed bed(1, 128);
        Request request;
        request.rawPrompt = words(20, 3);
        request.overflow = OverflowPolicy::Roll;
        request.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::MaxTokens);
        QCOMPARE(sink->finished().timings.generatedTokens, 128U);
    }

    /// A long conversation loses whole messages, as few as it takes, and says which.
    void dropsWholeMessages() {
        Bed bed(1, 1024);
        for (const OverflowPolicy policy : {OverflowPolicy::Roll, OverflowPolicy::DropMiddle}) {
            const Request request = talk(40, policy);
            auto sink = std::make_shared<RecordingSink>();
            QVERIFY(bed.engine->submit(request, sink).ok());
            QVERIFY(sink->waitForFinish());
            const auto dropped = droppedEvents(*sink);
            QCOMPARE(dropped.size(), std::size_t(1));
            const std::uint32_t first = policy == OverflowPolicy::Roll ? 1 : 3;
            QCOMPARE(dropped[0].firstDroppedMessage, first);
            const std::uint32_t count = dropped[0].droppedMessages;
            QVERIFY(count > 0 && count % 2 == 0 && first + count < request.messages.size());
            QCOMPARE(sink->finished().timings.droppedMessages, count);
            QVERIFY(dropped[0].droppedTokens > 0);
            // The rest is exactly the prompt of the shorter conversation, which fits; with two
            // messages more it would not.
            Request shorter = request;
            shorter.overflow = OverflowPolicy::Stop;
            const auto begin = shorter.messages.begin() + first;
            shorter.messages.erase(begin, begin + count);
            const auto tokens = bed.engine->countTokens(shorter);
            QVERIFY(tokens.ok());
            QCOMPARE(sink->finished().timings.promptTokens, *tokens);
            QVERIFY(*tokens <= 1024 - 10);
            auto same = std::make_shared<RecordingSink>();
            QVERIFY(bed.engine->submit(shorter, same).ok());
            QVERIFY(same->waitForFinish());
            QCOMPARE(same->text(false), sink->text(false));
            shorter = request;
            shorter.messages.erase(shorter.messages.begin() + first,
                                   shorter.messages.begin() + first + count - 2);
            QVERIFY(*bed.engine->countTokens(shorter) > 1024 - 10);
        }
    }

    void cutsALastMessageThatIsTooLong() {
        Bed bed(1, 512);
        Request request;
        request.messages = {{"system", words(10, 0)}, {"user", words(700, 3)}};
        request.overflow = OverflowPolicy::Roll;
        request.maxTokens = 20;
        request.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().timings.generatedTokens, 20U);
        const auto dropped = droppedEvents(*sink);
        QCOMPARE(dropped.size(), std::size_t(1));
        QCOMPARE(dropped[0].droppedMessages, 0U);
        QVERIFY(dropped[0].droppedTokens > 200);
        QCOMPARE(sink->finished().timings.promptTokens, 512U - 20U);
    }
};

INGLENOOK_SUITE(overflow, TstOverflow)
#include "tst_overflow.moc"
