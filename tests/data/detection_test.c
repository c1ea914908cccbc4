/* Boxes: Pascal VOC with and without lists, what is wrong by file and line, and a real set. */
#include "cairn/detection.h"

#include <sys/stat.h>

#include "config.h"
#include "data/detections.h"
#include "data/real.h"
#include "test.h"

static void put(const char *name, const char *text)
{
    test_write_file(test_path(name), text, strlen(text));
}

#define OBJECT(name, x0, y0, x1, y1)                                                               \
    "<object><name>" name "</name><difficult>1</difficult><part><name>head</name><bndbox>"         \
    "<xmin>1</xmin></bndbox></part><bndbox><xmin>" x0 "</xmin><ymin>" y0 "</ymin><xmax>" x1        \
    "</xmax><ymax>" y1 "</ymax></bndbox></object>\n"
#define ANNOTATION(file, objects)                                                                  \
    "<?xml version=\"1.0\"?>\n<annotation><filename>" file                                         \
    "</filename><size><width>50</width><height>40</height></size>\n" objects "</annotation>\n"

static void put_all(void)
{
    mkdir(test_path("v"), 0777);
    mkdir(test_path("v/Annotations"), 0777);
    put("v/Annotations/b.xml", ANNOTATION("b.jpg", OBJECT(" zebra\n", "2", "3", "11", "5.5")
                                                       OBJECT("ant", "7", "7", "7", "9")
                                                           OBJECT("ant", "1", "1", "50", "40")));
    put("v/Annotations/a.xml", ANNOTATION("a.jpg", ""));
    put("v/Annotations/c.xml", ANNOTATION("c &amp; d.png", OBJECT("bee", "1", "1", "2", "2")));
}

static cairn_detections *open_all(double test_fraction)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options o = cairn_data_defaults();
    o.test_fraction = test_fraction;
    cairn_detections *d = cairn_detections_open(test_path("v"), &o, &status);
    CHECK_OK(status);
    return d;
}

TEST(annotations_without_lists)
{
    if (!CAIRN__HAVE_EXPAT)
        return;
    put_all();
    cairn_detections *d = open_all(0);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 3);
    CHECK_INT(cairn_detections_classes(d), 3);
    CHECK_TEXT(cairn_detections_class_name(d, 0), "ant");
    CHECK_TEXT(cairn_detections_class_name(d, 2), "zebra");
    CHECK_INT(cairn_detections_skipped(d), 1);
    cairn_detection_item a = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 0);
    CHECK_CONTAINS(a.file, "/v/JPEGImages/a.jpg");
    CHECK_INT(a.width, 50);
    CHECK_INT(a.height, 40);
    CHECK_INT(a.count, 0);
    cairn_detection_item b = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 1);
    CHECK_INT(b.count, 2);
    CHECK_INT(b.boxes[0].label, 2);
    CHECK(b.boxes[0].difficult);
    CHECK_NEAR((double)b.boxes[0].x, 1, 0);
    CHECK_NEAR((double)b.boxes[0].y, 2, 0);
    CHECK_NEAR((double)b.boxes[0].width, 10, 0);
    CHECK_NEAR((double)b.boxes[0].height, 3.5, 0);
    CHECK_INT(b.boxes[1].label, 0);
    CHECK_NEAR((double)b.boxes[1].width, 50, 0);
    CHECK_CONTAINS(cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 2).file, "/c & d.png");
    cairn_detections_free(d);
    d = open_all(0.4);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 2);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 1);
    cairn_detections_free(d);
}

TEST(annotations_by_lists)
{
    if (!CAIRN__HAVE_EXPAT)
        return;
    put_all();
    mkdir(test_path("v/ImageSets"), 0777);
    mkdir(test_path("v/ImageSets/Main"), 0777);
    put("v/ImageSets/Main/train.txt", "c\r\n\nb \n");
    put("v/ImageSets/Main/val.txt", "a\n");
    cairn_detections *d = open_all(0.5);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 2);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 1);
    cairn_detection_item c = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 0);
    CHECK_INT(c.count, 1);
    CHECK_INT(c.boxes[0].label, 1);
    cairn_detections_free(d);
    cairn_status status = CAIRN_STATUS_INIT;
    put("v/ImageSets/Main/train.txt", "b\n../b\n");
    CHECK(!cairn_detections_open(test_path("v"), NULL, &status));
    CHECK_CONTAINS(status.message, "train.txt:2: a name with a folder in it");
}

TEST(what_is_wrong_in_an_annotation_is_named)
{
    static const struct {
        const char *text, *sentence;
    } all[] = {
        {"<annotation>\n<size>\n</annotation>", "x.xml:3: mismatched tag"},
        {"", "x.xml:1: no element found"},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><annotation/>",
         "x.xml:1: a document type declaration, expected none: 'a'"},
        {ANNOTATION("../../x.jpg", ""), "the filename is '../../x.jpg', expected one without"},
        {ANNOTATION("x.jpg", "<object><name>a</name></object>"),
         "x.xml:3: an object without name, xmin, ymin, xmax or ymax: 'a'"},
        {ANNOTATION("x.jpg", "\n" OBJECT("a", "1", "nan", "2", "2")),
         "x.xml:4: expected a number of pixels, found 'nan'"},
        {"<annotation><filename>x.jpg</filename></annotation>", "a picture of 0 x 0 pixels"},
    };
    mkdir(test_path("w"), 0777);
    mkdir(test_path("w/Annotations"), 0777);
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        put("w/Annotations/x.xml", all[i].text);
        CHECK(!cairn_detections_open(test_path("w"), NULL, &status));
        CHECK_INT(status.code, CAIRN__HAVE_EXPAT ? CAIRN_ERR_FORMAT : CAIRN_ERR_MISSING);
        CHECK_CONTAINS(status.message, CAIRN__HAVE_EXPAT ? all[i].sentence : "lacks expat");
    }
}

/* Blood cells: 205 and 36 pictures by the lists; two boxes of the whole set have no area. */
TEST(a_real_set_has_the_boxes_that_are_known)
{
    cairn_status status = CAIRN_STATUS_INIT;
    char path[1024];
    if (!CAIRN__HAVE_EXPAT || !real_path("bccd", path))
        return;
    cairn_detections *d = cairn_detections_open(path, NULL, &status);
    CHECK_OK(status);
    if (!d)
        return;
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 205);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 36);
    CHECK_INT(cairn_detections_classes(d), 3);
    CHECK_TEXT(cairn_detections_class_name(d, 1), "RBC");
    for (int64_t i = 0; i < 205; i++) {
        cairn_detection_item item = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, i);
        CHECK(access(item.file, R_OK) == 0);
        CHECK(item.width == 640 && item.height == 480 && item.count > 0);
        for (int64_t b = 0; b < item.count; b++)
            CHECK(item.boxes[b].x >= -1 && item.boxes[b].y >= -1 &&
                  item.boxes[b].x + item.boxes[b].width <= 640 &&
                  item.boxes[b].y + item.boxes[b].height <= 480);
    }
    cairn_detections_free(d);
}

/* ---- COCO ------------------------------------------------------------------------------------ */

/* Annotations come before what they name, and not picture by picture. */
#define COCO_ANNOTATIONS                                                                           \
    "\"annotations\": [{\"id\": 71, \"image_id\": 30, \"category_id\": 9, \"bbox\": [1.5, 2, 3, "  \
    "4], "                                                                                         \
    "\"area\": 7.25, \"iscrowd\": 0, \"segmentation\": [[1, 2, {\"a\": \"]\\\"\"}]]},\n"           \
    "{\"image_id\": 20, \"bbox\": [0, 0, 5, 6], \"category_id\": 4, \"iscrowd\": 1, \"id\": "      \
    "72},\n"                                                                                       \
    "{\"image_id\": 30, \"bbox\": [0, 0, 0, 6], \"category_id\": 4, \"id\": 73},\n"                \
    "{\"image_id\": 30, \"bbox\": [8, 9, 1, 1], \"category_id\": 4, \"id\": 74}]"
#define COCO_IMAGES                                                                                \
    "\"images\": [{\"id\": 30, \"file_name\": \"caf\\u00e9/\\ud83d\\ude00.jpg\", \"width\": 640, " \
    "\"height\": 480}, {\"height\": 3, \"id\": 20, \"width\": 4, \"file_name\": \"b.jpg\"}, "      \
    "{\"height\": 3, \"id\": 10, \"width\": 4, \"file_name\": \"c.jpg\"}]"
#define COCO_CATEGORIES                                                                            \
    "\"categories\": [{\"id\": 9, \"name\": \"zebra\"}, {\"id\": 4, \"name\": \"ant\"}]"

static void put_coco(void)
{
    mkdir(test_path("coco"), 0777);
    mkdir(test_path("coco/annotations"), 0777);
    put("coco/annotations/instances_train2017.json",
        "{\"info\": {\"year\": 2017},\n" COCO_ANNOTATIONS ",\n" COCO_IMAGES "," COCO_CATEGORIES
        "}\n");
    put("coco/annotations/instances_val2017.json",
        "{\"images\": [{\"id\": 1, \"file_name\": \"v.jpg\", \"width\": 9, \"height\": 8}], "
        "\"categories\": [{\"id\": 1, \"name\": \"ant\"}, {\"id\": 2, \"name\": \"bee\"}], "
        "\"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 1, 2, 2]}]}");
    put("coco/annotations/captions_train2017.json", "{}");
}

TEST(coco_boxes_go_to_their_pictures)
{
    cairn_status status = CAIRN_STATUS_INIT;
    put_coco();
    cairn_detections *d = cairn_detections_open(test_path("coco"), NULL, &status);
    CHECK_OK(status);
    if (!CHECK(d != NULL))
        return;
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 3);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 1);
    CHECK_INT(cairn_detections_classes(d), 3);
    CHECK_TEXT(cairn_detections_class_name(d, 0), "zebra");
    CHECK_INT(cairn_detections_skipped(d), 1);
    cairn_detection_item a = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 0);
    CHECK_CONTAINS(a.file, "coco/train2017/caf\xc3\xa9/\xf0\x9f\x98\x80.jpg");
    CHECK_INT(a.width, 640);
    CHECK_INT(a.height, 480);
    CHECK_INT(a.count, 2);
    CHECK_INT(a.boxes[0].id, 71);
    CHECK_INT(a.boxes[0].label, 0);
    CHECK_NEAR((double)a.boxes[0].x, 1.5, 0);
    CHECK_NEAR((double)a.boxes[0].height, 4, 0);
    CHECK_NEAR((double)a.boxes[0].area, 7.25, 0);
    CHECK(!a.boxes[0].crowd);
    CHECK_INT(a.boxes[1].id, 74);
    cairn_detection_item b = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 1);
    CHECK_INT(b.count, 1);
    CHECK_INT(b.boxes[0].id, 72);
    CHECK(b.boxes[0].crowd);
    CHECK_NEAR((double)b.boxes[0].area, 30, 0);
    CHECK_INT(cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 2).count, 0);
    cairn_detection_item v = cairn_detections_at(d, CAIRN_SPLIT_TEST, 0);
    CHECK_CONTAINS(v.file, "coco/val2017/v.jpg");
    CHECK_INT(v.count, 1);
    CHECK_TEXT(cairn_detections_class_name(d, v.boxes[0].label), "ant");
    cairn_detections_free(d);
    cairn_data_options o = cairn_data_defaults();
    o.test_fraction = 0.4;
    d = cairn_detections_open(test_path("coco/annotations/instances_train2017.json"), &o, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TRAIN), 2);
    CHECK_INT(cairn_detections_count(d, CAIRN_SPLIT_TEST), 1);
    cairn_detections_free(d);
}

static void check_coco_refused(const char *text, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_detections *d = cairn__alloc(1, sizeof *d, &status);
    CHECK(!cairn__coco_parse(d, CAIRN_SPLIT_TRAIN, text, strlen(text), "bad.json", "p", &status));
    CHECK_INT(status.code, CAIRN_ERR_FORMAT);
    CHECK_CONTAINS(status.message, "bad.json");
    CHECK_CONTAINS(status.message, part);
    cairn_detections_free(d);
}

#define COCO(images, annotations)                                                                  \
    "{\"images\": [" images "], " COCO_CATEGORIES ", \"annotations\": [" annotations "]}"
#define COCO_IMAGE(name) "{\"id\": 1, \"file_name\": \"" name "\", \"width\": 4, \"height\": 3}"

TEST(coco_files_that_lie)
{
    check_coco_refused("[]", "byte 0: something else, expected an object");
    check_coco_refused("{\"images\": []}", "no list \"categories\"");
    check_coco_refused("{\"images\": [], \"images\": []}", "no second list");
    check_coco_refused("{\"a\": 1", "the file ends");
    check_coco_refused("{\"a\": [1, 2}}", "expected a value");
    check_coco_refused("{\"a\": 1} x", "the end of the file");
    check_coco_refused(COCO("{\"id\": 1}", ""), "id, width and height");
    check_coco_refused(COCO(COCO_IMAGE("../a.jpg"), ""), "below the folder");
    check_coco_refused(COCO(COCO_IMAGE("/etc/a.jpg"), ""), "below the folder");
    check_coco_refused(COCO(COCO_IMAGE("a\\u0000.jpg"), ""), "an escape of JSON");
    check_coco_refused(COCO(COCO_IMAGE("a.jpg") ", " COCO_IMAGE("b.jpg"), ""), "two images");
    check_coco_refused(COCO(COCO_IMAGE("a.jpg"), "{\"image_id\": 1, \"category_id\": 4}"), "bbox");
    check_coco_refused(
        COCO(COCO_IMAGE("a.jpg"), "{\"image_id\": 2, \"category_id\": 4, \"bbox\": [1, 1, 1, 1]}"),
        "an image_id and a category_id of this file");
    check_coco_refused(COCO(COCO_IMAGE("a.jpg"), "{\"bbox\": [1, 1, 1]}"), "4 numbers");
    check_coco_refused(COCO(COCO_IMAGE("a.jpg"), "{\"bbox\": [1, 1, 1, 1e9]}"), "a million pixels");
    check_coco_refused(COCO(COCO_IMAGE("a.jpg"), "{\"image_id\": 1.5}"), "a whole number");
    check_coco_refused(COCO(COCO_IMAGE("a.jpg"), "{\"image_id\": nan}"), "a number");
    char deep[300] = "{\"a\": ";
    memset(deep + 6, '[', 200);
    check_coco_refused(deep, "at most 64");
}

TEST(coco_out_of_memory)
{
    put_coco();
    for (int64_t n = 1;; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__alloc_fail_after(n);
        cairn_detections *d = cairn_detections_open(test_path("coco"), NULL, &status);
        cairn__alloc_fail_after(0);
        if (d) {
            cairn_detections_free(d);
            CHECK(n > 10);
            break;
        }
        if (!CHECK(status.code == CAIRN_ERR_MEMORY))
            break;
    }
}
