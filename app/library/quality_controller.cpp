#include "app/library/quality_controller.h"

#include "app/messages.h"
#include "engine/runtime/compare.h"

#include <algorithm>
#include <QElapsedTimer>
#include <QFile>

namespace app {

namespace {

constexpr qint64 kProgress_ms = 100;
constexpr qint64 kMostTextBytes = 1 << 20; // far more than is read

std::filesystem::path pathOf(const QString& path) {
    return QFile::encodeName(path).toStdString();
}

engine::Result<std::string> readText(const QString& chosen) {
    QFile file(chosen.isEmpty() ? QStringLiteral(":/texts/sample.txt") : chosen);
    if (!file.open(QIODevice::ReadOnly))
        return engine::Status(
            engine::Code::FileCannotOpen,
            {{"file", chosen.toStdString()}, {"reason", file.errorString().toStdString()}});
    // Through QString: half a character at the end is cut, what is no UTF-8 becomes visible.
    return QString::fromUtf8(file.read(kMostTextBytes)).toStdString();
}

/// The original as exactly as is affordable: files of integers as they are, floats as BF16.
engine::NumberFormats referenceFormats(const engine::OpenedModel& model) {
    engine::NumberFormats formats;
    const bool isFloat =
        model.fileType == "F32" || model.fileType == "F16" || model.fileType == "BF16";
    formats.weights = isFloat ? engine::WeightFormat::BF16 : engine::WeightFormat::Auto;
    return formats;
}

QualityRow rowOf(const QString& path, const engine::OpenedModel& model,
                 const engine::ComparedVersion& version) {
    const std::string_view weights = engine::name(version.formats.weights);
    QualityRow row;
    row.path = path;
    row.weights = QString::fromUtf8(weights.data(), qsizetype(weights.size()));
    row.file_bytes = model.fileBytes;
    row.memory_bytes = version.memory_bytes;
    row.perplexity = version.perplexity;
    row.tokensPerSecond = version.decodeTokensPerSecond;
    return row;
}

/// Compares all versions one after the other; tells after each.
class Measurement {
  public:
    using Tell = std::function<void(const QualityReport&)>;
    using Progress = std::function<void(int permille)>;

    Measurement(const QualityQuestion& question, const std::atomic<bool>& stop)
        : m_question(question), m_stop(stop) {
        m_report.question = question;
    }

    engine::Status run(const Tell& tell, const Progress& progress) {
        const auto text = readText(m_question.textFile);
        if (!text.ok())
            return text.status();
        const auto original = engine::openModel(pathOf(m_question.path));
        if (!original.ok())
            return original.status();
        for (int i = 0; i < m_question.versions.size(); ++i) {
            INGLENOOK_TRY(compare(*original, *text, i, progress));
            tell(m_report);
        }
        return {};
    }

  private:
    engine::Status compare(const engine::OpenedModel& original, const std::string& text, int number,
                           const Progress& progress) {
        const QualityVersion& version = m_question.versions.at(number);
        const auto candidate = engine::openModel(pathOf(version.path));
        if (!candidate.ok())
            return candidate.status();
        engine::CompareOptions options;
        options.reference = referenceFormats(original);
        if (!version.weights.isEmpty()) {
            const auto weights = engine::parseWeightFormat(version.weights.toStdString());
            if (!weights.ok())
                return weights.status();
            options.candidate.weights = *weights;
        }
        const int all = int(m_question.versions.size());
        const auto result = engine::compareModels(
            original, *candidate, text, options,
            [&](std::uint64_t done, std::uint64_t total) {
                progress(int((number + double(done) / double(std::max<std::uint64_t>(total, 1))) *
                             1000 / all));
            },
            m_stop);
        if (!result.ok())
            return result.status();
        if (m_report.rows.isEmpty())
            m_report.rows.append(rowOf(m_question.path, original, result->reference));
        QualityRow row = rowOf(version.path, *candidate, result->candidate);
        row.kl = result->kl;
        row.klWorst = result->klWorst;
        row.top1Agreement = result->top1Agreement;
        m_report.rows.append(row);
        m_report.device = QString::fromStdString(result->device);
        m_report.tokens = result->tokens;
        return {};
    }

    const QualityQuestion& m_question;
    const std::atomic<bool>& m_stop;
    QualityReport m_report;
};

} // namespace

QualityController::QualityController(QObject* parent) : QObject(parent) {
    qRegisterMetaType<QualityReport>();
    m_pool.setMaxThreadCount(1);
    m_pool.setThreadPriority(QThread::LowPriority);
}

QualityController::~QualityController() {
    cancel();
    m_pool.waitForDone();
}

void QualityController::measure(const QualityQuestion& question) {
    if (isRunning())
        return;
    m_path = question.path;
    m_stop = std::make_shared<std::atomic<bool>>(false);
    emit runningChanged(true);
    m_pool.start([this, question, stop = m_stop] {
        const auto toGui = [this](auto task) {
            QMetaObject::invokeMethod(this, std::move(task), Qt::QueuedConnection);
        };
        QElapsedTimer sinceTold;
        sinceTold.start();
        const engine::Status status =
            Measurement(question, *stop)
                .run(
                    [&](const QualityReport& report) {
                        toGui([this, report] { emit reportChanged(report); });
                    },
                    [&](int permille) {
                        if (sinceTold.elapsed() < kProgress_ms)
                            return;
                        sinceTold.restart();
                        toGui([this, permille] { emit progressed(permille); });
                    });
        toGui([this, status, path = question.path] {
            end();
            if (!status.ok() && status.code() != engine::Code::Cancelled)
                emit failed(path, sentence(status));
        });
    });
}

void QualityController::cancel() {
    if (m_stop != nullptr)
        *m_stop = true;
}

void QualityController::end() {
    m_path.clear();
    m_stop.reset();
    emit runningChanged(false);
}

} // namespace app
