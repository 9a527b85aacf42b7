// inglenook serve: the API without a window. Holds the data directory, prints where it listens,
// answers until SIGINT or SIGTERM.
#include "app/api/api_controller.h"
#include "app/api/host_backend.h"
#include "app/application.h"
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/interrupt_watch.h"
#include "app/commands/output.h"
#include "app/paths.h"
#include "app/session/model_controller.h"
#include "engine/runtime/engine.h"

#include <QCoreApplication>
#include <QSocketNotifier>
#include <QTimer>

namespace app {

namespace {

constexpr std::chrono::seconds kGrace{5}; // for answers that run when the server is to end

struct ServeOptions {
    CommonOptions common;
    std::string host = "127.0.0.1";
    std::uint32_t port = 8484;
    std::string apiKey;
    std::string hosts;
    std::string origins;
    std::uint32_t context = 0;
    std::uint32_t slotCount = 0; // 0 = the engine's
};

ModelOptions modelOptions(const ServeOptions& options) {
    ModelOptions model;
    model.weights = QString::fromStdString(text(options.common.formats.weights));
    model.activations = QString::fromStdString(text(options.common.formats.activations));
    model.kv = QString::fromStdString(text(options.common.formats.kv));
    model.device = QString::fromStdString(options.common.device);
    model.split = QString::fromUtf8(engine::name(options.common.split).data());
    model.contextTokens = int(options.context);
    model.slotCount = int(options.slotCount);
    model.isRemembered = false; // the desktop's choice stays its own
    return model;
}

QStringList wordsOf(const std::string& list) {
    return QString::fromStdString(list).split(QLatin1Char(','), Qt::SkipEmptyParts);
}

/// Loads the model; the program ends with a sentence when that fails.
void loadModel(Application& core, const std::filesystem::path& path, const ServeOptions& options) {
    ModelController& models = core.models();
    auto* first = new QObject(&core); // what listens to the first load only
    QObject::connect(&models, &ModelController::failed, first, [](const QString& sentence) {
        complain(sentence.toStdString());
        // Queued: it may fail before the event loop runs.
        QTimer::singleShot(0, QCoreApplication::instance(),
                           [] { QCoreApplication::exit(kFailed); });
    });
    QObject::connect(&models, &ModelController::modelChanged, first,
                     [first, &options](const ModelValue& model) {
                         if (!model.isLoaded())
                             return;
                         if (options.common.device == "auto")
                             complain("Device: " + model.device.toStdString());
                         tellSplit(model.split);
                         first->deleteLater();
                     });
    core.apiBackend().setModelOptions(modelOptions(options));
    models.load(QString::fromStdString(path.string()), modelOptions(options));
}

int serve(const ServeOptions& options, InterruptWatch& interrupt) {
    const auto model = resolveModel(options.common);
    if (!model)
        return fail(model.status());
    Application core(resolvePaths(QString::fromStdString(options.common.dataDir)),
                     [] { return engine::createEngine({}); });
    if (core.start({}, Application::StartMode::Server) != Application::StartResult::Started) {
        complain(core.startError().toStdString());
        return kFailed;
    }
    QObject::connect(
        &core, &Application::bannerRaised,
        [](const QString&, const QString& sentence) { complain(sentence.toStdString()); });
    ApiController& api = core.api();
    api.setSessionKey(QString::fromStdString(options.apiKey));
    const engine::Status started =
        api.start({QString::fromStdString(options.host), int(options.port), wordsOf(options.hosts),
                   wordsOf(options.origins)});
    if (!started.ok())
        return fail(started);
    print("listening on " + api.state().url.toStdString() + "\n");
    loadModel(core, *model, options);

    QSocketNotifier signal(interrupt.descriptor(), QSocketNotifier::Read);
    QObject::connect(&signal, &QSocketNotifier::activated, [&interrupt] {
        if (interrupt.pressed())
            QCoreApplication::exit(kDone);
    });
    const int code = QCoreApplication::exec();
    api.stop(kGrace);
    core.shutdown();
    return code;
}

} // namespace

int runServe(const std::vector<std::string>& arguments) {
    OptionParser parser("serve [--model M] [--host H] [--port P] [--api-key K]");
    ServeOptions options;
    options.common.addModel(parser);
    parser.text("host", &options.host, "H", "the address to listen on, 127.0.0.1");
    parser.integer("port", &options.port, 0, 65535, "8484; 0 takes a free one");
    parser.text("api-key", &options.apiKey, "K",
                "the key clients must send; also from $INGLENOOK_API_KEY");
    parser.text("allow-host", &options.hosts, "NAMES",
                "names of this computer that requests may use, with commas");
    parser.text("allow-origin", &options.origins, "ORIGINS",
                "web pages that may use the server, with commas");
    parser.integer("context", &options.context, 16, 10'000'000, "tokens of context");
    parser.integer("slots", &options.slotCount, 1, 4096, "answers that run together (16)");
    options.common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (options.apiKey.empty()) // a command line can be read by every user of the computer
        options.apiKey = qEnvironmentVariable("INGLENOOK_API_KEY").toStdString();
    InterruptWatch interrupt({SIGINT, SIGTERM});
    return serve(options, interrupt);
}

} // namespace app
