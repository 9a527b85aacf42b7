#include "app/library/roofline_controller.h"

#include "engine/runtime/evaluate.h"

#include <QFile>

namespace app {

namespace {

constexpr std::uint32_t kPromptTokens = 64;
constexpr std::uint32_t kDecodeTokens = 24;

std::string wordOf(const QString& word) {
    return word.isEmpty() ? std::string("auto") : word.toStdString();
}

engine::Result<engine::NumberFormats> formatsOf(const RooflineQuestion& question) {
    const auto weights = engine::parseWeightFormat(wordOf(question.weights));
    INGLENOOK_TRY(weights.status());
    const auto activations = engine::parseActivationFormat(wordOf(question.activations));
    INGLENOOK_TRY(activations.status());
    const auto kv = engine::parseKvFormat(wordOf(question.kv));
    INGLENOOK_TRY(kv.status());
    engine::NumberFormats formats;
    formats.weights = *weights;
    formats.activations = *activations;
    formats.kv = *kv;
    return formats;
}

engine::Result<Roofline> measureStages(const RooflineQuestion& question,
                                       const std::atomic<bool>& stop) {
    const auto formats = formatsOf(question);
    if (!formats.ok())
        return formats.status();
    const auto model = engine::openModel(QFile::encodeName(question.path).toStdString());
    if (!model.ok())
        return model.status();
    engine::BenchOptions options;
    options.formats = *formats;
    options.promptTokens = kPromptTokens;
    options.generateTokens = kDecodeTokens;
    options.repeats = 1;
    options.chunkRows = kPromptTokens;
    options.stages = true;
    options.stop = &stop;
    const auto result = engine::benchModelOn(wordOf(question.device), *model, options);
    if (!result.ok())
        return result.status();
    Roofline roofline = rooflineOf(*result);
    roofline.path = question.path;
    roofline.promptTokens = kPromptTokens;
    return roofline;
}

} // namespace

RooflineController::RooflineController(QObject* parent) : QObject(parent) {
    qRegisterMetaType<Roofline>();
    m_pool.setMaxThreadCount(1);
    m_pool.setThreadPriority(QThread::LowPriority);
}

RooflineController::~RooflineController() {
    cancel();
    m_pool.waitForDone();
}

void RooflineController::measure(const RooflineQuestion& question) {
    if (isRunning() || question.path.isEmpty())
        return;
    m_path = question.path;
    m_stop = std::make_shared<std::atomic<bool>>(false);
    emit runningChanged(true);
    m_pool.start([this, question, stop = m_stop] {
        const engine::Result<Roofline> result = measureStages(question, *stop);
        QMetaObject::invokeMethod(
            this,
            [this, result] {
                const QString path = std::exchange(m_path, {});
                m_stop.reset();
                if (result.ok())
                    m_rooflines.insert(path, *result);
                emit runningChanged(false);
                if (result.ok())
                    emit measured(*result);
                else if (result.status().code() != engine::Code::Cancelled)
                    emit failed(path, rooflineRefusal(result.status()));
            },
            Qt::QueuedConnection);
    });
}

void RooflineController::cancel() {
    if (m_stop != nullptr)
        *m_stop = true;
}

} // namespace app
